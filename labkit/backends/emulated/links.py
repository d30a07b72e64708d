"""Wide-area links to emulate: how long, how wide, how good; presets with their sources."""

from dataclasses import dataclass

from labkit.checks import check_number


@dataclass(frozen=True, slots=True)
class Link:
    """The network in front of a distant machine.

    Attributes:
        round_trip_s: seconds there and back for a packet that waits nowhere.
        jitter_s: standard deviation of each packet's delay.
        bandwidth_bits_per_s: in each direction; what is sent at once waits for what was sent
            before. None: no limit.
        loss: the share of packets that are lost, 0 to below 1: sent again, they and all behind
            them stall.
        queue_s: seconds that a request waits at the other end until it is its turn.
        source: where the numbers are from.
    Raises:
        ValueError: names the argument, its bound and the value given.
    """

    round_trip_s: float
    jitter_s: float = 0.0
    bandwidth_bits_per_s: float | None = None
    loss: float = 0.0
    queue_s: float = 0.0
    source: str = "assumed"

    def __post_init__(self):
        for name in ("round_trip_s", "jitter_s", "queue_s"):
            check_number(name, getattr(self, name), "0 to 60", lambda x: 0 <= x <= 60)
        check_number("loss", self.loss, "at least 0 and below 1", lambda x: 0 <= x < 1)
        if (rate := self.bandwidth_bits_per_s) is not None:
            bound = "1000 or more, or None"
            check_number("bandwidth_bits_per_s", rate, bound, lambda x: x >= 1000)

    @property
    def summary(self) -> str:
        """The link, in a line."""
        rate = self.bandwidth_bits_per_s
        parts = [
            f"round trip {1000 * self.round_trip_s:g} ms",
            f"jitter {1000 * self.jitter_s:g} ms" if self.jitter_s else "",
            f"{rate / 1e6:g} Mbit/s" if rate else "",
            f"{100 * self.loss:g} % lost" if self.loss else "",
            f"queue {self.queue_s:g} s" if self.queue_s else "",
        ]
        return f"{', '.join(filter(None, parts))} ({self.source})"


_WEBPAGETEST = "WebPageTest, settings/connectivity.ini: {}"
LINKS = {
    "none": Link(0.0, source="no link at all"),
    "fibre": Link(0.004, 0.0, 20e6, source=_WEBPAGETEST.format("FIOS")),
    "cable": Link(0.028, 0.0, 5e6, source=_WEBPAGETEST.format("Cable")),
    "LTE": Link(0.070, 0.0, 12e6, source=_WEBPAGETEST.format("LTE")),
    "3G": Link(0.300, 0.0, 1.6e6, source=_WEBPAGETEST.format("3G")),
    "ocean": Link(
        0.080,
        0.0,
        20e6,
        source="computed: 8,000 km of fibre at 200,000 km/s, there and back; bandwidth assumed",
    ),
    "satellite": Link(
        0.556,
        0.0,
        20e6,
        source="computed: 4 × 41,679 km, the edge of a geostationary satellite's view, at the "
        "speed of light; bandwidth assumed",
    ),
    "poor Wi-Fi": Link(0.040, 0.015, 5e6, loss=0.03, source="assumed"),
    "busy": Link(0.080, 0.0, 20e6, queue_s=1.5, source="ocean, and an assumed queue"),
}


def find_link(link: str | Link) -> Link:
    """A link of `LINKS` by its name, or the link itself.

    Raises:
        ValueError: no such name.
    """
    if isinstance(link, Link):
        return link
    if not isinstance(link, str) or link not in LINKS:
        raise ValueError(f"link must be a Link or one of {', '.join(LINKS)}; got {link!r}")
    return LINKS[link]
