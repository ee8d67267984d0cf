"""Simulated outages, the control plane over HTTP, and the program itself."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import stripe

from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.stripe_simulator.control import ACTIONS

from .conftest import client_of

NEW = {"amount": 500, "currency": "usd"}
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("kind", "error", "work_done"),
    [
        ("refuse", stripe.APIConnectionError, 0),
        ("black_hole", stripe.APIConnectionError, 0),
        ("rate_limit", stripe.RateLimitError, 0),
        ("server_error", stripe.APIError, 0),
        ("garbage", stripe.APIError, 0),
        ("lose_answer", stripe.APIConnectionError, 1),
    ],
)
def test_each_outage_looks_as_it_does_from_afar(simulator, kind: str, error: type, work_done: int) -> None:
    simulator.fail(kind, times=1, method="POST", prefix="/v1/payment_intents")
    client = client_of(simulator.url, timeout=0.3)
    client.v1.balance.retrieve()
    with pytest.raises(error):
        client.v1.payment_intents.create(NEW)
    assert len(simulator.state()["payment_intents"]) == work_done
    assert client.v1.payment_intents.create(NEW).amount == 500


@pytest.mark.parametrize("kind", ["black_hole", "server_error", "garbage", "rate_limit"])
def test_an_outage_can_hide_that_the_work_was_done(simulator, kind: str) -> None:
    simulator.fail(kind, acts=True, times=1)
    with pytest.raises(stripe.StripeError):
        client_of(simulator.url, timeout=0.3).v1.payment_intents.create(NEW)
    assert len(simulator.state()["payment_intents"]) == 1


def test_a_lost_answer_is_found_again_by_its_key(simulator) -> None:
    simulator.fail("lose_answer", times=2)
    made = client_of(simulator.url, retries=3).v1.payment_intents.create(NEW, {"idempotency_key": "k"})
    assert made.last_response.headers["Idempotent-Replayed"] == "true"
    assert [each["id"] for each in simulator.state()["payment_intents"]] == [made.id]


def test_an_outage_lasts_until_faults_are_cleared(simulator, client) -> None:
    simulator.fail("refuse")
    for _ in range(3):
        with pytest.raises(stripe.APIConnectionError):
            client.v1.balance.retrieve()
    simulator.clear_faults()
    assert client.v1.balance.retrieve().livemode is False
    assert simulator.counters()["calls"]["GET /v1/balance"] == {"refuse": 3, "200": 1}


def test_a_port_that_does_not_listen_refuses(simulator, client) -> None:
    client.v1.balance.retrieve()
    closed = threading.Thread(target=simulator.stop_listening, args=(0.3,))
    closed.start()
    threading.Event().wait(0.15)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.balance.retrieve()
    closed.join()
    assert client.v1.balance.retrieve().livemode is False


def test_the_control_plane_is_the_same_over_http(http, client, simulator) -> None:
    def post(name: str, **arguments: object) -> tuple[int, dict, dict]:
        return http("POST", f"/_simulator/{name}", json.dumps(arguments).encode())

    intent = client.v1.payment_intents.create(NEW)
    assert post("pay", payment_intent=intent.id)[1]["result"]["status"] == "succeeded"
    assert post("pay", payment_intent=intent.id)[0] == 400
    assert post("wait_until_idle", timeout=5)[1]["result"] is True
    assert post("state")[1]["result"]["payment_intents"][0]["status"] == "succeeded"
    assert post("dispute", payment=intent.id)[1]["result"]["status"] == "needs_response"
    assert post("fail", kind="nonsense")[0] == 400
    assert post("deliver", copies="3")[0] == 400
    assert post("deliver", colour="red")[0] == 400
    assert post("close_dispute")[0] == 400
    assert post("__init__")[0] == 404
    assert http("POST", "/_simulator/deliver", b"[1]")[0] == 400
    assert http("POST", "/_simulator/deliver", b"{")[0] == 400
    assert post("reset")[0] == 200
    assert post("state")[1]["result"]["payment_intents"] == []
    assert {"twin", "resend", "refund", "clear_faults", "counters"} <= ACTIONS


def test_the_banks_page_sends_the_shopper_back(http, browser, intent, simulator) -> None:
    import http.client as http_client
    from urllib.parse import urlsplit

    values = {"client_secret": intent.client_secret, "payment_method": "pm_card_authenticationRequired"}
    waiting = browser.v1.payment_intents.confirm(intent.id, {**values, "return_url": "https://shop.example/done?a=1"})
    url = urlsplit(waiting.next_action.redirect_to_url.url)
    connection = http_client.HTTPConnection(url.netloc, timeout=5)
    connection.request("GET", f"{url.path}?{url.query}")
    assert b"Confirm your payment" in connection.getresponse().read()
    connection.request("POST", f"{url.path}?{url.query}", "success=true")
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 303
    assert answer.headers["Location"].startswith("https://shop.example/done?a=1&payment_intent=pi_")
    assert answer.headers["Location"].endswith("redirect_status=succeeded")


def test_nothing_is_left_running_after_close(shop) -> None:
    before = set(threading.enumerate())
    with StripeSimulator(webhook_url=shop.url, webhook_secret=shop.secret) as simulator:
        simulator.fail("black_hole", times=1)

        def call() -> None:
            with pytest.raises(stripe.APIConnectionError):
                client_of(simulator.url).v1.balance.retrieve()

        hanging = threading.Thread(target=call)
        hanging.start()
        threading.Event().wait(0.1)
    hanging.join(2)
    left = {thread for thread in threading.enumerate() if "process_request" not in thread.name} - before
    assert left == set()


def start(*options: str) -> tuple[subprocess.Popen, str]:
    """Start the program; return its process and the URL that it prints."""
    command = [sys.executable, "-m", "shop.dev.stripe_simulator", "--first-retry", "0.05", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()[-1]


def test_a_killed_program_still_knows_everything(tmp_path, shop) -> None:
    options = ("--state", str(tmp_path / "state"), "--webhook-secret", shop.secret)
    process, url = start(*options, "--webhook-url", "http://127.0.0.1:9/")
    try:
        made = client_of(url).v1.payment_intents.create(NEW, {"idempotency_key": "k"})
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    process, url = start(*options, "--webhook-url", shop.url)
    try:
        client = client_of(url)
        assert client.v1.payment_intents.retrieve(made.id).amount == 500
        assert client.v1.payment_intents.create(NEW, {"idempotency_key": "k"}).id == made.id
        for _ in range(100):
            if shop.events:
                break
            threading.Event().wait(0.05)
        assert shop.types() == ["payment_intent.created"]
        second = subprocess.run(
            [sys.executable, "-m", "shop.dev.stripe_simulator", *options], cwd=ROOT, capture_output=True
        )
        assert second.returncode == 1
        assert b"cannot start" in second.stderr
    finally:
        process.terminate()
        assert process.wait(5) == 0
        process.stdout.close()
