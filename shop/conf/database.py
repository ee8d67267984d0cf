from shop.conf.base import checks, env, running

MONGO_URI = env.str("MONGO_URI", default="") or running.get("MONGO_URI", "")
checks.require(MONGO_URI, "MONGO_URI is not set: it is the MongoDB replica set of the shop.")
if MONGO_URI:
    MONGO_DATABASE = checks.replica_set("MONGO_URI", MONGO_URI)
else:
    # So that commands without a database can start.
    MONGO_URI, MONGO_DATABASE = "mongodb://127.0.0.1:27017/shop?replicaSet=rs0", "shop"

DATABASES = {
    "default": {
        "ENGINE": "shop.db.backend",
        "HOST": MONGO_URI,
        "NAME": MONGO_DATABASE,
        "OPTIONS": {
            "appname": "shop",
            "w": "majority",
            "readConcernLevel": "majority",
            # Override those of MONGO_URI.
            "retryWrites": True,
            "retryReads": True,
            "serverSelectionTimeoutMS": 5000,
            "connectTimeoutMS": 3000,
            # Notice soon that a primary answers again.
            "heartbeatFrequencyMS": 1000,
        },
    }
}
DATABASE_ROUTERS = ["django_mongodb_backend.routers.MongoRouter"]
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
MIGRATION_MODULES = {
    "admin": "shop.db.contrib_migrations.admin",
    "auth": "shop.db.contrib_migrations.auth",
    "contenttypes": "shop.db.contrib_migrations.contenttypes",
}
# Database time of a request, after which it is answered with 503.
REQUEST_DATABASE_SECONDS = 7

CACHE_URL = env.str("CACHE_URL", default="locmemcache://")
env.address("CACHE_URL", env.cache_url_config, CACHE_URL, such_as="redis://host:6379/0")
