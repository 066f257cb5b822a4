"""The engine as the plugin sees it: install, start, ask, stop. No widget and no layer here."""
