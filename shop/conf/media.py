from shop.conf.base import BASE_DIR, DATA_DIR, DEBUG, checks, env

CLOUD_NAME = env.str("CLOUD_NAME", default="")
CLOUD_API_KEY = env.str("CLOUD_API_KEY", default="")
CLOUD_API_SECRET = env.str("CLOUD_API_SECRET", default="")
CLOUD_API_BASE = env.str("CLOUD_API_BASE", default="") or "https://api.cloudinary.com"
CLOUD_DELIVERY_BASE = "https://res.cloudinary.com"
checks.require(CLOUD_NAME, "CLOUD_NAME is not set: product images are stored at Cloudinary.")
checks.require(CLOUD_API_KEY, "CLOUD_API_KEY is not set: product images are stored at Cloudinary.")
checks.require(CLOUD_API_SECRET, "CLOUD_API_SECRET is not set: product images are stored at Cloudinary.")
checks.https_url("CLOUD_API_BASE", CLOUD_API_BASE, purpose="uploads are signed, not encrypted")
USE_CLOUDINARY = bool(CLOUD_NAME and CLOUD_API_KEY and CLOUD_API_SECRET)

MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"
STATIC_URL = "/static/"
STATIC_ROOT = None if DEBUG else BASE_DIR / "staticfiles"
STORAGES = {
    "default": {
        "BACKEND": "shop.media.storage.CloudinaryStorage"
        if USE_CLOUDINARY
        else "django.core.files.storage.FileSystemStorage"
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = False
# Seconds per call.
CLOUD_TIMEOUT = 5.0
CLOUDINARY_STORAGE = {
    "CLOUD_NAME": CLOUD_NAME or "unset",
    "API_KEY": CLOUD_API_KEY or "unset",
    "API_SECRET": CLOUD_API_SECRET or "unset",
    "SECURE": True,
    # Shops with the same prefix delete each other's images.
    "PREFIX": env.str("CLOUD_FOLDER", default="shop").strip("/") + "/",
}
