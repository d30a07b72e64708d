"""A figure of number formats: a row for each, its numbers in columns."""

from html import escape

from labkit.formatting import MIB
from labkit.topics.speed.bar_table_figures import BarColumn, bar_table_figure

from .quantization import QuantizationComparison, QuantizedFile
from .runner import how_measured


def quantization_figure(comparison: QuantizationComparison):
    """Size, memory, speed and distance from the scores of the file with the most bits."""
    files = comparison.files
    columns = (
        _column("file\nMB\nless is better", files, _size, "{:,.0f}"),
        _column("peak memory\nMiB\nless is better", files, _memory, "{:,.0f}"),
        _column("first token\nafter s\nless is better", files, _first, "{:.2g}"),
        _column("decode\ntokens/s\nmore is better", files, _speed, "{:.3g}"),
        _column(
            f"scores\nbits off {comparison.reference}\nless is better",
            files,
            _bits_off,
            _bits_off_label,
        ),
    )
    names = [_name(file) for file in files]
    figure = bar_table_figure(_title(comparison), names, columns)
    return figure.add_annotation(
        text=escape(comparison.caution).replace(": ", ":<br>"), align="left", x=0, xref="paper",
        xanchor="left", y=0, yref="paper", yanchor="top", yshift=-4, showarrow=False,
        font={"size": 12},
    ).update_layout(margin={"b": 48})  # fmt: skip


def _name(file: QuantizedFile) -> str:
    return f"{file.kind}{'' if file.copied else ', its own'}: {file.bits_per_weight:.1f} bits"


def _title(comparison: QuantizationComparison) -> str:
    what = f"{escape(comparison.model)} in {len(comparison.files)} number formats"
    return f"{what} · {how_measured(comparison.experiment)}"


def _column(title: str, files: tuple[QuantizedFile, ...], number, label) -> BarColumn:
    values = tuple(map(number, files))
    make_label = label if callable(label) else lambda file: _label(number(file), label)
    return BarColumn(title, values, tuple(map(make_label, files)))


def _label(value, form: str) -> str:
    if value is None:
        return "not known"
    return form.format(value.median if hasattr(value, "median") else value)


def _size(file: QuantizedFile) -> float:
    return file.file_bytes / 1e6


def _memory(file: QuantizedFile) -> float | None:
    return file.footprint and file.footprint.peak_bytes and file.footprint.peak_bytes / MIB


def _first(file: QuantizedFile):
    return file.measurement and file.measurement.ttft_s


def _speed(file: QuantizedFile):
    return file.measurement and file.measurement.decode_tokens_per_s


def _bits_off(file: QuantizedFile) -> float | None:
    return file.divergence and file.divergence.mean_bits


def _bits_off_label(file: QuantizedFile) -> str:
    off = _bits_off(file)
    return "not known" if off is None else "under 0.001" if 0 < off < 0.001 else f"{off:.2g}"
