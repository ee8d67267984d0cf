from shop.dev.postman import serving, shopping

# In the order in which they work.
FOLDERS = (
    shopping.CATALOGUE,
    shopping.ACCOUNT,
    shopping.CART,
    shopping.CHECKOUT,
    shopping.GUEST,
    serving.ORDERS,
    serving.CATALOGUE,
    serving.GOODBYE,
)
# Values of the environment; the others are set by the requests.
VARIABLES = {
    "origin": "http://127.0.0.1:8000",
    "staff_email": "staff@example.com",
    "staff_password": "staff-demo-password",
    "password": "a long enough password",
}
