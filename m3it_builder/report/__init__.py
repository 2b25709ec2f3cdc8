"""Previews and contact sheets of rows."""
