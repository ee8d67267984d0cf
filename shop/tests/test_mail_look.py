"""The shop's logo, support address and own templates in mails."""

from pathlib import Path
from typing import Any

import pytest

from accounts import services
from accounts.models import User
from shop import jobs
from shop.dev.testing.admin import browser_of
from shop.dev.testing.images import image_file
from shop.dev.testing.mails import html_of, work
from shop.dev.testing.smtp import mail_server

pytestmark = pytest.mark.django_db


def test_a_mail_shows_the_logo_and_where_to_ask(customer: User, settings: Any, tmp_path: Path) -> None:
    settings.SHOP_LOGO, settings.SUPPORT_EMAIL = str(tmp_path / "logo.png"), "Help <help@goods.example>"
    Path(settings.SHOP_LOGO).write_bytes(image_file().read())
    services.send_verification(user=customer)
    with mail_server(settings) as server:
        jobs.run_due()
    (mail,) = server.taken
    assert mail["Reply-To"] == "Help <help@goods.example>"
    types = [part.get_content_type() for part in mail.walk()]
    assert types == ["multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png"]
    *_, text, html, logo = mail.walk()
    assert logo["Content-ID"] == "<logo@shop>"
    assert 'src="cid:logo@shop"' in html.get_payload(decode=True).decode()
    assert all("help@goods.example" in part.get_payload(decode=True).decode() for part in (text, html))


def test_a_folder_of_templates_replaces_those_of_the_shop(customer: User, settings: Any, tmp_path: Path) -> None:
    folder = tmp_path / "accounts/mails"
    folder.mkdir(parents=True)
    (folder / "verification.txt").write_text("{{ shop }}: {{ link }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    services.send_verification(user=customer)
    (mail,) = work()
    assert mail.body.startswith("Shop: http://localhost:3000/verify-email?")
    # The others stay.
    assert "Confirm" in html_of(mail)


def test_the_admin_shows_a_sample_of_each_mail(staff: User, settings: Any) -> None:
    browser = browser_of(staff)
    found = {
        str(path.relative_to(folder).with_suffix(""))
        for folder in settings.BASE_DIR.glob("*/templates")
        for path in folder.glob("*/mails/*.txt")
    }
    # Those extend it.
    templates = found - {f"orders/mails/{name}" for name in ("order", "parcel", "return")}
    page = browser.get("/admin/mails/").content.decode()
    for template in templates:
        assert f"/admin/mails/{template}/" in page
        preview = browser.get(f"/admin/mails/{template}/")
        assert "sandbox" in preview["Content-Security-Policy"]
        text = browser.get(f"/admin/mails/{template}/?text").content.decode()
        assert "http://localhost:3000" in text
    assert "2 x Mug (blue)" in browser.get("/admin/mails/orders/mails/paid/?text").content.decode()
