"""A library on another machine: the methods of the local one, over HTTP."""

from mmsearch.client.remote import RemoteLibrary, connect

__all__ = ["RemoteLibrary", "connect"]
