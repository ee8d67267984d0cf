from datetime import timedelta

from shop.conf.base import DEBUG, env
from shop.conf.security import JWT_SECRET_KEY

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EmailBackend"]
# 12 takes about 0.25 s.
BCRYPT_ROUNDS = env.whole_number("BCRYPT_ROUNDS", default=12, at_least=4 if DEBUG else 10, at_most=20)
PASSWORD_HASHERS = [
    "accounts.hashers.BCryptSHA256",
    # Only to verify imported hashes.
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "accounts.hashers.ImportedBCrypt",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {"user_attributes": ("email", "name")},
        "MinimumLengthValidator": {},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]
SIMPLE_JWT = {
    "SIGNING_KEY": JWT_SECRET_KEY,
    "ALGORITHM": "HS256",
    "ISSUER": "shop",
    "AUDIENCE": "shop-api",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "USER_ID_CLAIM": "sub",
    # Seconds of clock difference.
    "LEEWAY": 10,
}

PASSWORD_RESET_TIMEOUT = env.whole_number("PASSWORD_RESET_TIMEOUT", default=3600, at_least=60, at_most=7 * 24 * 3600)
EMAIL_VERIFICATION_TIMEOUT = env.whole_number(
    "EMAIL_VERIFICATION_TIMEOUT", default=3 * 24 * 3600, at_least=60, at_most=30 * 24 * 3600
)
# For members of staff, in the admin and at the API's login.
ADMIN_REQUIRE_TWO_FACTOR = env.switch("ADMIN_REQUIRE_TWO_FACTOR", default=False)
STAFF_INVITATION_TIMEOUT = env.whole_number(
    "STAFF_INVITATION_TIMEOUT", default=3 * 24 * 3600, at_least=60, at_most=30 * 24 * 3600
)
