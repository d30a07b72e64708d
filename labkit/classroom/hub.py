"""What JupyterHub is set to. ``python -m labkit.classroom.hub FOLDER`` is the hub of that class."""

import os
import sys
from typing import Any

from labkit.classroom.learners.system_users import require_account
from labkit.errors import LabError
from labkit.install.checkout import ROOT
from labkit.install.frugal import FRUGAL
from labkit.models.tokenizers.shared import ADDRESS

from .settings import ClassSettings, read_settings

SCOPES = ["list:users", "admin:users", "admin:servers", "admin:server_state"]
LOGIN = """
Username: your name, with the letters a to z, digits and -. Password: the word of your class.
"""
QUIET = [  # as `labkit lab`: no requests to the network
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--KernelManager.transport_encryption=auto",  # otherwise kernels warn of other users
    "--ServerApp.allow_root=True",  # with --one-user, in a container
]


def main(folder: str) -> None:
    """Becomes the hub."""
    from jupyterhub.app import JupyterHub
    from traitlets.config import Config

    settings, config = read_settings(folder), Config()
    configure(config, settings)
    os.chdir(folder)
    JupyterHub.instance(config=config)
    JupyterHub.launch_instance([])


def configure(c: Any, settings: ClassSettings) -> None:
    """Sets JupyterHub, its proxy, its spawner and who may log in."""
    from .name_owner import NameOwner

    NameOwner.settings = settings
    c.JupyterHub.authenticator_class = NameOwner
    c.Authenticator.allow_all = True  # NameOwner has asked for the word and the name
    c.JupyterHub.template_vars = {"announcement_login": LOGIN}
    _set_network(c, settings)
    _set_spawner(c, settings)
    folder = settings.path
    c.JupyterHub.db_url = f"sqlite:///{folder / 'hub.sqlite'}"
    c.JupyterHub.cookie_secret_file = str(folder / "hub_cookie_secret")
    # Learners' servers outlive a hub that ends; the next one finds them. `stop` ends them first.
    c.JupyterHub.cleanup_servers = c.JupyterHub.cleanup_proxy = False
    c.JupyterHub.services = [{"name": "labkit", "api_token": settings.token}]
    c.JupyterHub.load_roles = [{"name": "labkit", "services": ["labkit"], "scopes": SCOPES}]
    c.JupyterHub.log_level = "WARN"


def _set_network(c: Any, settings: ClassSettings) -> None:
    c.JupyterHub.bind_url = f"{settings.address.partition(':')[0]}://{_host(settings)}/"
    c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{settings.hub_port}"
    c.ConfigurableHTTPProxy.should_start = False  # the supervisor has; it outlives the hub
    c.ConfigurableHTTPProxy.auth_token = settings.token
    c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings.proxy_port}"


def _host(settings: ClassSettings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def _set_spawner(c: Any, settings: ClassSettings) -> None:
    """JupyterHub's own: processes of the learner's user where there is one, else of this one."""
    c.JupyterHub.spawner_class = "localprocess" if settings.system_users else "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = f"{settings.learners}/{{username}}"
    c.Spawner.cmd = [sys.executable, "-m", "labkit.classroom.learner_server"]
    c.Spawner.args = QUIET
    c.Spawner.notebook_dir, c.Spawner.default_url = "~", "/lab/tree/notebooks/00_start.ipynb"
    c.Spawner.environment = learner_environment(settings)
    c.Spawner.start_timeout = c.Spawner.http_timeout = 300  # thirty at once on two cores
    c.JupyterHub.init_spawners_timeout = -1  # a restarted hub answers while it looks for servers

    def prepare(spawner: Any) -> None:
        if settings.system_users:
            try:
                require_account(settings, spawner.user.name)
            except LabError as error:
                raise RuntimeError(str(error)) from None

    c.Spawner.pre_spawn_hook = prepare


def learner_environment(settings: ClassSettings) -> dict[str, str]:
    """What a learner's server and kernels find in their environment; no key of the teacher's."""
    commands = ROOT / "labkit"
    configs = (commands / "commands" / "jupyter", commands / "classroom" / "jupyter")
    return {
        "LABKIT_SERVER": settings.model_address,
        ADDRESS: settings.tokenizer_address,
        "LABKIT_HOME": settings.store,
        "LABKIT_CLASS_HANDOUT": str(settings.handout),
        "LABKIT_CLASS_MEMORY_MIB": str(settings.memory_mib),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_PATH": os.pathsep.join(map(str, configs)),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",  # thirty kernels share the cores
        **FRUGAL,
    }


if __name__ == "__main__":
    main(sys.argv[1])
