"""Attempted connections and the offline proof as HTML tables; an empty one says so."""

from html import escape

from labkit.ui import html, theme
from labkit.ui.table import grid

from .connection_log import Attempt, NetworkLog, StandingConnection
from .network_watch import NetworkWatch
from .offline_proof import OfflineProof, ProbeResult


def network_figure(log: NetworkLog) -> html.HtmlFigure:
    """A row for each attempt, or a note that there was none; and what the watch cannot see."""
    departed: list = [each for each in log.leaving if not each.refused]
    # Over a connection that was open before, something left, or may have.
    departed += [each for each in log.standing if not each.is_local and each.bytes_sent != 0]
    tone, sign = ("warning", "") if departed else ("good", "✓ ")
    unseen = "".join(f"<li>{escape(each)}</li>" for each in log.cannot_see)
    children = (
        f" Programs started meanwhile: {escape(', '.join(log.children))}." if log.children else ""
    )
    return html.HtmlFigure(
        f'<div style="color:{theme.TEXT};font-size:13px">{html.note(sign + log.summary, tone)}'
        f"{_attempts(log.attempts)}{_standing(log.standing)}"
        f'<details style="margin-top:8px"><summary style="cursor:pointer">What this cannot see'
        f'</summary><ul style="margin:4px 0">{unseen}</ul>{children}</details></div>'
    )


def _standing(standing: tuple[StandingConnection, ...]) -> str:
    if not standing:
        return ""
    heads = ["open before", "port", "", "bytes out since", "bytes in since", "process"]
    rows = [
        (
            escape(each.address),
            str(each.port),
            "↺ stays here" if each.is_local else "→ leaves",
            _bytes(each.bytes_sent),
            _bytes(each.bytes_received),
            escape(each.process),
        )
        for each in standing
    ]
    away = [each for each in standing if not each.is_local]
    title = f"{len(standing)} open before, {len(away) or 'none'} of them off this machine"
    return (
        f'<details style="margin-top:8px"{" open" if away else ""}><summary style="cursor:pointer">'
        f"{title}</summary>{grid(heads, rows)}</details>"
    )


def watch_figure(watch: NetworkWatch) -> html.HtmlFigure:
    """The attempts that a watch has recorded so far."""
    return network_figure(watch.log)


def _attempts(attempts: tuple[Attempt, ...]) -> str:
    if not attempts:
        return (
            f'<div style="border:2px dashed {theme.RULE};border-radius:6px;padding:18px;'
            f'text-align:center;color:{theme.QUIET};margin-top:6px">an empty list: no connection, '
            "no name looked up</div>"
        )
    heads = ["at", "kind", "target", "", "bytes out", "bytes in", "caller", "library", "seen by"]
    return grid(heads, map(_attempt, attempts))


def _attempt(each: Attempt) -> list[str]:
    fate = "refused" if each.refused else "stays here" if each.is_local else "leaves"
    sign = {"refused": "✗", "stays here": "↺", "leaves": "→"}[fate]
    unknown = "native code" if each.seen_by == "system table" else "unknown"
    caller = each.caller or (unknown if each.process == "this process" else each.process)
    cells = [
        f"{each.elapsed_s:.2f} s",
        each.kind,
        each.target,
        f"{sign} {fate}",
        _bytes(each.bytes_sent),
        _bytes(each.bytes_received),
        caller,
        each.library or "–",
        each.seen_by,
    ]
    return [escape(cell).replace("/", "/<wbr>") for cell in cells]  # paths may break there


def _bytes(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def proof_figure(proof: OfflineProof) -> html.HtmlFigure:
    """Each method of connecting, with and without a network, and the model's answer without one."""
    if proof.why_not:
        return html.HtmlFigure(html.note(f"Not tried here. {proof.why_not}", "warning"))
    tone = "good" if proof.holds else "bad"
    here, away = "this machine", "off the machine"
    heads = ["method", f"{here}, online", f"{here}, offline", f"{away}, offline", ""]
    body = grid(heads, map(_probe, proof.probes))
    if proof.text is not None:
        caption = (
            f"{proof.model}, loaded and run without a network in {proof.elapsed_s:.1f} s; "
            f"it attempted {proof.attempts or 'no'} connections:"
        )
        body += f'<div style="margin-top:8px">{escape(caption)}</div>'
        body += html.card(html.paragraph(proof.text))
    sign = "✓ " if proof.holds else ""
    return html.HtmlFigure(
        f'<div style="color:{theme.TEXT};font-size:13px">{html.note(sign + proof.summary, tone)}'
        f"{body}</div>"
    )


def _probe(probe: ProbeResult) -> list[str]:
    verdict = "✓ cut off" if probe.cut_off else "✗ not cut off"
    return list(map(escape, (probe.method, probe.online, probe.offline, probe.external, verdict)))


FIGURES = {NetworkLog: network_figure, NetworkWatch: watch_figure, OfflineProof: proof_figure}
