"""The browser in the tests is a real one, is offline, and hears what a page complains about."""

import http.server
import threading

import pytest

from browser import Browsing


@pytest.fixture
def listen(chromium):
    """Pages whose complaints are expected, so that nothing is checked in the end."""
    browsing = Browsing(chromium)
    yield browsing
    browsing.close()


def written(folder, body: str):
    path = folder / "page.html"
    path.write_text(f"<!doctype html><title>Hello</title><body>{body}", encoding="utf-8")
    return path


def test_a_page_is_opened_from_disk_in_the_size_and_colours_asked_for(visit, tmp_path):
    page = visit(written(tmp_path, "<p>hello"), width=390, height=844, dark=True, fragment="there")
    assert page.title() == "Hello"
    assert page.evaluate("[innerWidth, innerHeight, location.protocol, location.hash]") == [390, 844, "file:", "#there"]
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


def test_a_picture_from_outside_does_not_arrive_and_is_noticed(listen, tmp_path):
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/picture.png"
        listen(written(tmp_path, f"<img src='{address}'>"))
        server.shutdown()
    assert asked == []
    assert listen.outside() == [address]


@pytest.mark.parametrize("script", ["console.error('no such thing')", "throw new Error('no such thing')"])
def test_an_error_in_a_page_is_noticed(listen, tmp_path, script):
    listen(written(tmp_path, f"<script>{script}</script>")).wait_for_timeout(50)
    assert any("no such thing" in error for error in listen.errors)


def test_an_empty_profile_leaves_nothing_for_the_next_page(visit, tmp_path):
    path = written(tmp_path, "<script>localStorage.visits = 1 + Number(localStorage.visits || 0)</script>")
    assert [visit(path).evaluate("localStorage.visits") for _ in range(2)] == ["1", "1"]
