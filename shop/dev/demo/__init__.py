"""Sample data and a scripted walk-through."""
