"""Keys for integrations. A key acts for itself: it has its own permissions, a part of those of who made it."""
