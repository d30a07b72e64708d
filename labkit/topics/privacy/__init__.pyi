"""The public names of ``labkit.privacy``."""

from .network.offline import run_offline as run_offline
from .network.offline_proof import prove_offline as prove_offline
from .network.try_connections import try_connection as try_connection
from .payload.terms import provider_terms as provider_terms
from .scanner.labelled_texts import sample_text as sample_text
from .scanner.panel import scan_panel as scan_panel
from .scanner.scanner_score import measure_scanner as measure_scanner
