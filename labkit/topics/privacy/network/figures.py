"""What was tried over the network, and what was cut off: tables that say it when empty."""

from html import escape

from labkit.ui import html, theme
from labkit.ui.table import grid

from .connection_log import Attempt, NetworkLog
from .proof import OfflineProof, Way
from .watch import NetworkWatch


def network_picture(log: NetworkLog) -> html.Picture:
    """A row for each connection that was tried, or that there was none; and what cannot be seen."""
    left = [each for each in log.leaving if not each.refused]
    tone, sign = ("warning", "") if left else ("good", "✓ ")
    unseen = "".join(f"<li>{escape(each)}</li>" for each in log.cannot_see)
    children = (
        f" Programs started meanwhile: {escape(', '.join(log.children))}." if log.children else ""
    )
    return html.Picture(
        f'<div style="color:{theme.INK};font-size:13px">{html.note(sign + log.summary, tone)}'
        f"{_attempts(log.attempts)}"
        f'<details style="margin-top:8px"><summary style="cursor:pointer">What this cannot see'
        f'</summary><ul style="margin:4px 0">{unseen}</ul>{children}</details></div>'
    )


def watch_picture(watch: NetworkWatch) -> html.Picture:
    """What a watch has seen so far."""
    return network_picture(watch.log)


def _attempts(attempts: tuple[Attempt, ...]) -> str:
    if not attempts:
        return (
            f'<div style="border:2px dashed {theme.LINE};border-radius:6px;padding:18px;'
            f'text-align:center;color:{theme.GREY};margin-top:6px">an empty list: no connection, '
            "no name looked up</div>"
        )
    heads = [
        "at",
        "what",
        "where to",
        "",
        "bytes out",
        "bytes in",
        "asked by",
        "library",
        "seen by",
    ]
    return grid(heads, map(_attempt, attempts))


def _attempt(each: Attempt) -> list[str]:
    fate = "refused" if each.refused else "stays here" if each.stays else "leaves"
    sign = {"refused": "✗", "stays here": "↺", "leaves": "→"}[fate]
    unknown = "native code" if each.seen_by == "system table" else "unknown"
    asked = each.asked_by or (unknown if each.process == "this process" else each.process)
    cells = [
        f"{each.elapsed_s:.2f} s",
        each.what,
        each.target,
        f"{sign} {fate}",
        _bytes(each.bytes_sent),
        _bytes(each.bytes_received),
        asked,
        each.library or "–",
        each.seen_by,
    ]
    return [escape(cell).replace("/", "/<wbr>") for cell in cells]  # paths may break there


def _bytes(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def proof_picture(proof: OfflineProof) -> html.Picture:
    """Each way of connecting with and without a network, and what the model wrote without one."""
    if proof.why_not:
        return html.Picture(html.note(f"Not tried here. {proof.why_not}", "warning"))
    tone = "good" if proof.holds else "bad"
    heads = ["way", "this machine, network on", "the same, without", "off the machine, without", ""]
    body = grid(heads, map(_way, proof.ways))
    if proof.text is not None:
        said = (
            f"{proof.model}, loaded and asked without a network in {proof.elapsed_s:.1f} s; "
            f"it tried {proof.tried or 'no'} connections:"
        )
        body += f'<div style="margin-top:8px">{escape(said)}</div>'
        body += html.card(html.paragraph(proof.text))
    sign = "✓ " if proof.holds else ""
    return html.Picture(
        f'<div style="color:{theme.INK};font-size:13px">{html.note(sign + proof.summary, tone)}'
        f"{body}</div>"
    )


def _way(way: Way) -> list[str]:
    verdict = "✓ cut off" if way.cut_off else "✗ not cut off"
    return list(map(escape, (way.name, way.outside, way.inside, way.away, verdict)))


FIGURES = {
    NetworkLog: network_picture,
    NetworkWatch: watch_picture,
    OfflineProof: proof_picture,
}
