"""From the call events of a Cisco contact centre to call legs that can be trusted."""

__version__ = "0.1.0"
