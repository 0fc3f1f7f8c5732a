"""Several processes that serve one port, and take no more requests once they are told to stop."""

import uvicorn
from uvicorn.supervisors import Multiprocess


class Workers(Multiprocess):
    """The processes, and the one that starts them and holds the port."""

    def terminate_all(self) -> None:
        """Tell all to end what they do; from now on the port is closed.

        Or it would go on taking requests that nobody answers until the last stream has ended.
        """
        for sock in self.sockets:
            sock.close()
        super().terminate_all()


def run_workers(config: uvicorn.Config) -> None:
    """Serve in as many processes as the configuration says, until told to stop."""
    Workers(config, sockets=[config.bind_socket()]).run()
