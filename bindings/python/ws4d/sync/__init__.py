"""The client for programs without an event loop: see ws4d.sync.client."""
