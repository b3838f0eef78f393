"""The client for asyncio: see ws4d.asyncio.client."""
