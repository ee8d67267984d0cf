"""``python -m shop.dev.growth.due_holds 20000``: make orders whose holds are over."""

import sys

import django

if __name__ == "__main__":
    django.setup()
    from shop.dev.demo.history.holds import make_due_holds

    make_due_holds(int(sys.argv[1]))
