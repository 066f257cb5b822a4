"""Panel, map tools and dialogs: they emit typed requests and show state."""
