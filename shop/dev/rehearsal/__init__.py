"""The life of a production deployment on one machine: deploy, sell, upgrade under load, back up, destroy, restore."""
