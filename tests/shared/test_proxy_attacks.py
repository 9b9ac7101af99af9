# SPDX-License-Identifier: BSD-3-Clause
"""What a tenant or visitor may try with the reverse proxy and shared builds; at the end, a tenant who will not go."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess

import pytest

from tests.fleet import Fleet

from .attacking import ANA, BEN, BUILDS, COMMON, PATIENCE, PRIVATE, VM, Serve, fails, works

pytestmark = pytest.mark.full


def test_a_cache_is_read_by_those_who_have_its_source_and_written_by_its_builder(fleet: Fleet) -> None:
    for key in (COMMON, PRIVATE):
        assert fleet.inside(VM, "stat", "--format=%U", f"{BUILDS}/{key}") == "olympia-build"
        write = f"umask 022 && echo {key} > {BUILDS}/{key}/index.json"
        fleet.inside(VM, "runuser", "--user=olympia-build", "--", "sh", "-c", write)
    for name, own, other in (("ana", COMMON, PRIVATE), ("ben", COMMON, PRIVATE), ("dan", PRIVATE, COMMON)):
        assert works(fleet, name, f"cat {BUILDS}/{own}/index.json").strip() == own
        assert "Permission denied" in fails(fleet, name, f"cat {BUILDS}/{other}/index.json")
        assert "Permission denied" in fails(fleet, name, f"echo x > {BUILDS}/{own}/index.json")
        assert "Permission denied" in fails(fleet, name, f"touch {BUILDS}/{own}/new")


def request(fleet: Fleet, name: str, text: str) -> str:
    """Return the answer of the reverse proxy to the text of a request, over a connection that asks for the site of a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # What it answers is the question, and not who it is.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    answer = b""
    with (
        socket.create_connection((fleet.addresses[VM], 443), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        connection.sendall(text.replace("\n", "\r\n").encode())
        while part := connection.recv(1 << 16):
            answer += part
    return answer.decode()


def word(user: str) -> str:
    """Return the value of the header that has name and password."""
    return f"Basic {base64.b64encode(user.encode()).decode()}"


def test_other_machines_get_a_cache_with_its_own_password_only(fleet: Fleet) -> None:
    test_a_cache_is_read_by_those_who_have_its_source_and_written_by_its_builder(fleet)
    fleet.inside(
        VM,
        "runuser",
        "--user=olympia-build",
        "--",
        "ln",
        "-sf",
        "/etc/olympia/proxy/htpasswd/ana",
        f"{BUILDS}/{COMMON}/link",
    )
    passwords = {
        key: fleet.inside(VM, "cat", f"/etc/olympia/proxy/builds-{key}").strip().replace("{PLAIN}", "")
        for key in (COMMON, PRIVATE)
    }

    def get(path: str, user: str) -> str:
        return request(
            fleet, VM, f"GET {path} HTTP/1.1\nHost: {VM}\nAuthorization: {word(user)}\nConnection: close\n\n"
        )

    for key, other in ((COMMON, PRIVATE), (PRIVATE, COMMON)):
        assert get(f"/builds/{key}/index.json", passwords[key]).endswith(f"{key}\n")
        ways = (
            f"/builds/{other}/",
            f"/builds/{key}/../{other}/",
            f"/builds/{key}/..%2f{other}/",
            f"/builds/{key}/%2e%2e/{other}/",
        )
        for way in ways:
            assert " 401 " in get(f"{way}index.json", passwords[key]).splitlines()[0]
        assert " 401 " in get(f"/builds/{key}/index.json", "visitor:open sesame").splitlines()[0]
    assert " 403 " in get(f"/builds/{COMMON}/link", passwords[COMMON]).splitlines()[0]
    assert " 404 " in get("/builds/", passwords[COMMON]).splitlines()[0]


def test_no_header_of_a_visitors_is_taken_for_one_of_the_proxys(fleet: Fleet, serve: Serve) -> None:
    serve("ana", "127.0.0.1")
    forged = (
        "X-Forwarded-For: 6.6.6.6\nX-Forwarded-Proto: http\nConnection: close, X-Forwarded-For, X-Forwarded-Proto, Host"
    )
    answer = request(
        fleet, ANA, f"GET /x HTTP/1.1\nHost: {ANA}\nAuthorization: {word('visitor:open sesame')}\n{forged}\n\n"
    )
    path, headers = json.loads(answer.partition("\r\n\r\n")[2])
    named = [(name.lower(), value) for name, value in headers]
    assert path == "/x"
    own = fleet.inside(VM, "sh", "-c", "ip route show default | cut --delimiter=' ' --fields=3")
    assert [value for name, value in named if name == "x-forwarded-for"] == [own]
    assert [value for name, value in named if name == "x-forwarded-proto"] == ["https"]
    assert [value for name, value in named if name == "host"] == [ANA]
    assert "authorization" not in dict(named)


# Requests that two programs could read in two ways.
SMUGGLED = {
    "two_lengths": f"POST / HTTP/1.1\nHost: {ANA}\nContent-Length: 4\nContent-Length: 50\n\nabcd",
    "length_and_chunks": f"POST / HTTP/1.1\nHost: {ANA}\nContent-Length: 4\nTransfer-Encoding: chunked\n\n0\n\nGET /y HTTP/1.1\n\n",
    "two_hosts": f"GET / HTTP/1.1\nHost: {ANA}\nHost: {BEN}\n\n",
    "no_host": "GET / HTTP/1.1\n\n",
    "space_in_name": f"GET / HTTP/1.1\nHost : {ANA}\n\n",
}


@pytest.mark.parametrize("what", SMUGGLED)
def test_what_can_be_read_in_two_ways_reaches_no_instance(fleet: Fleet, serve: Serve, what: str) -> None:
    serve("ana", "127.0.0.1")
    assert " 400 " in request(fleet, ANA, SMUGGLED[what]).splitlines()[0]


def test_a_connection_for_one_name_leads_to_no_other_instance_unasked(fleet: Fleet, serve: Serve) -> None:
    serve("ana", "127.0.0.1")
    for first in (f"GET / HTTP/1.1\nHost: {ANA}", f"GET https://{ANA}/ HTTP/1.1\nHost: {BEN}"):
        assert " 401 " in request(fleet, BEN, f"{first}\nConnection: close\n\n").splitlines()[0]
    other = request(fleet, ANA, f"GET / HTTP/1.1\nHost: {VM}.evil.test\nConnection: close\n\n")
    assert " 404 " in other.splitlines()[0]


def test_what_an_instance_answers_leads_the_proxy_to_no_file_and_sets_no_others_cookie(
    fleet: Fleet, serve: Serve
) -> None:
    serve("ana", "127.0.0.1")
    about = f"Host: {ANA}\nAuthorization: {word('visitor:open sesame')}\nConnection: close\n\n"
    redirected = request(fleet, ANA, f"GET /redirect HTTP/1.1\n{about}")
    assert COMMON not in redirected.partition("\r\n\r\n")[2].replace(f"/builds/{COMMON}/index.json", "")
    cookies = [
        line for line in request(fleet, ANA, f"GET / HTTP/1.1\n{about}").splitlines() if line.startswith("Set-Cookie")
    ]
    (cookie,) = cookies
    assert [part.strip().lower() for part in cookie.split(";")[1:]] == [f"domain={ANA}"] * 2


def test_bootstrap_says_when_more_is_promised_than_there_is(fleet: Fleet) -> None:
    ben = fleet.tenants[1]
    ben["disk_gb"] = 9000
    fleet.write()
    try:
        told = fleet.run("olympia", "bootstrap", "--check")
        assert told.code == 0, told.output
        assert "and the home directories may take 90" in " ".join(told.output.split()), told.output
    finally:
        ben["disk_gb"] = 2
        fleet.write()


def test_who_logs_in_again_and_again_is_removed_all_the_same(fleet: Fleet) -> None:
    """The last: a tenant goes."""
    stay = "setsid sleep 1000 > /dev/null 2>&1 &"
    writes = "setsid sh -c 'while :; do echo x > ~/x; done' > /dev/null 2>&1 &"
    works(fleet, "dan", f"mkdir -p .ssh && cp /etc/olympia/tenants/dan/authorized_keys .ssh; {writes}")
    ssh = f"ssh -o BatchMode=yes -o IdentitiesOnly=yes -i {fleet.folder}/dan -o UserKnownHostsFile={fleet.folder}/known_hosts"
    logins = subprocess.Popen(
        ["sh", "-c", f"while :; do {ssh} dan@{fleet.addresses[VM]} '{stay}'; done"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    fleet.tenants[3]["state"] = "destroyed"
    fleet.write()
    try:
        gone = fleet.run("ansible-playbook", "playbooks/bootstrap.yml", within=PATIENCE)
    finally:
        logins.kill()
        logins.wait()
    assert gone.code == 0, gone.output
    assert "dan.img" not in fleet.inside(VM, "losetup", "--list")
    assert "dan" not in fleet.inside(VM, "cut", "--delimiter=:", "--fields=1", "/etc/passwd").split()
    assert "2004" not in fleet.inside(VM, "ps", "-e", "-o", "uid=").split()
