"""`api_key_panel`: a password field for a provider's key, which stays in this process's memory."""

import getpass
import html

import ipywidgets as widgets
import traitlets

from labkit.backends.cloud.cloud import clouds
from labkit.backends.cloud.providers import PROVIDERS
from labkit.backends.remote.api_keys import keep_key
from labkit.ui.panel import Panel


def api_key_panel(provider: str = "openai"):
    """Asks for a provider's key in a password field, and keeps it until this process ends.

    The key is stored neither in the notebook nor in its outputs: the field is cleared as soon as
    the key has been read.

    Args:
        provider: a provider as in `labkit.cloud`, or an address.
    Returns:
        The panel, for a notebook to show; in a terminal, which asks for the key immediately, the
        list of `labkit.clouds`.
    Raises:
        ValueError: no such provider, or in a terminal, an invalid key.
    """
    is_text = isinstance(provider, str)
    if not is_text or (provider not in PROVIDERS and "://" not in provider):
        raise ValueError(
            f"provider must be one of {', '.join(PROVIDERS)}, or an address; got {provider!r}"
        )
    name = PROVIDERS[provider].name if provider in PROVIDERS else provider
    if _in_notebook():
        return ApiKeyPanel(provider, name)
    keep_key(provider, getpass.getpass(f"Key for {name} (not shown): "))
    return clouds()


def _in_notebook() -> bool:
    """Whether this runs in a notebook's kernel, which can show widgets."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


class ApiKeyField(widgets.Password):
    """A password field whose value is not sent back to every page that shows the notebook."""

    value = traitlets.Unicode().tag(sync=True, echo_update=False)


class ApiKeyPanel(Panel):
    """A password field, and a sentence on whether a key was accepted.

    Attributes:
        field: the password field; it takes the key on Enter or on losing the focus.
        status: the sentence, which contains no secret.
    """

    def __init__(self, provider: str, name: str):
        self._provider, self._name = provider, html.escape(name)
        self.field = ApiKeyField(
            description=f"Key for {name}:",
            placeholder="paste it, then press Enter",
            continuous_update=False,
            style={"description_width": "initial"},
        )
        self.status = widgets.HTML()
        self.field.observe(self._keep, "value")
        self.widget = widgets.VBox([self.field, self.status])

    @property
    def summary(self) -> str:
        """Whether a key was accepted."""
        return self.status.value or f"no key was entered for {self._name}"

    def static_form(self) -> list:
        """A sentence: a static page cannot take a key."""
        return [self.summary]

    def _keep(self, change) -> None:
        if not (text := change["new"]):
            return
        self.field.value = ""
        try:
            keep_key(self._provider, text)
        except ValueError as error:
            self.status.value = html.escape(str(error))
            return
        self.status.value = f"The key for {self._name} is kept until the kernel stops."
