"""The deployment as its users have it, from the first page to the last stop. The tests stand in the order in which they run."""

import json
import socket
import time
from collections import Counter
from pathlib import Path

from tests.containers.deployment import ROOT, Deployment, docker
from tests.containers.load import PAGE, Load
from tests.running import wait_until

REQUESTS = 20_000  # while models and images change
NEXT = "wiretag:next"


def test_pages_are_classified(deployment: Deployment) -> None:
    """Both real pages come back in their parts, scored by the compiled kernel."""
    expected = {"cards": ["main", "related", "related"], "teasers": ["main", "teaser", "teaser", "teaser"]}
    for name, roles in expected.items():
        page = (ROOT / "tests" / "data" / "pages" / f"{name}.txt").read_bytes()
        answer = deployment.ask("/classify?as=page", page, Content_Type="text/plain")
        assert answer.status == 200
        assert [segment["role"] for segment in answer.body["segments"]] == roles
    assert deployment.ask("/model").body["kernel"] == "compiled"
    refused = deployment.ask("/classify", {"text": ""})
    assert (refused.status, refused.body["status"]) == (422, 422)


def test_requests_come_through_nginx_as_they_are(deployment: Deployment) -> None:
    """Ids are kept, bodies over the limit get a problem document from whoever refuses them, counts are not mixed up."""
    assert deployment.ask("/topics", X_Request_ID="mine").headers["x-request-id"] == "mine"
    for size in (10_500_000, 12_000_000):  # refused by the service, and by nginx
        refused = deployment.ask("/classify", b'{"text": "' + b"x" * size + b'"}')
        assert (refused.status, refused.headers["content-type"]) == (413, "application/problem+json")
        assert refused.body["type"] == "/docs/errors#too-large"
    assert deployment.ask("/metrics").body["detail"].startswith("the counts of each replica are its own")


def test_a_stream_comes_line_by_line(deployment: Deployment) -> None:
    """nginx keeps neither what a client sends nor what it gets: the first answer is there before the second document."""
    head = "POST /classify HTTP/1.1\r\nHost: stream\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", deployment.port), 60) as client, client.makefile("rb") as received:
        client.sendall(head.encode())
        for number in range(3):
            line = json.dumps({"document_id": str(number), "page": PAGE}).encode() + b"\n"
            client.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            answer = next(line for line in received if line.startswith(b"{"))
            assert json.loads(answer)["document_id"] == str(number)
        client.sendall(b"0\r\n\r\n")
        assert next(line for line in received if line.strip()) == b"0\r\n"  # the answer is whole


def test_a_correction_sent_twice_is_stored_once(deployment: Deployment) -> None:
    """A client's own key holds at both replicas; without one, nginx gives each request its own."""
    correction = {"text": "The ferry company sanctioned a new timetable on Monday.", "topics": []}
    answers = [deployment.ask("/corrections", correction, Idempotency_Key="once") for _ in range(4)]
    assert {(answer.status, answer.body["id"]) for answer in answers} == {(201, answers[0].body["id"])}
    others = {deployment.ask("/corrections", correction).body["id"] for _ in range(2)}
    assert len(others) == 2


def test_retraining_serves_on_both_replicas(deployment: Deployment, sample: Path) -> None:
    """What the desk corrected is learnt, and every replica takes the new model up by itself."""
    (before,) = deployment.versions()
    correction = {
        "text": "The union of bakers voted against the tariff on flour, and its paper printed the vote.",
        "topics": [],
    }
    assert deployment.ask("/corrections", correction).status == 201
    started = time.monotonic()
    words = ["retrain", "--corpus", "/corpus", "--no-curve", "--force"]  # what is learnt from a sixth may not pass the gate
    told = deployment.compose("run", "--rm", "--volume", f"{sample}:/corpus:ro", "retrain", *words)
    print(f"containers: retrained in {time.monotonic() - started:.0f} s")
    wait_until(lambda: before not in deployment.versions(), 30)
    (after,) = deployment.versions()
    assert f"{after} serves now" in told
    assert deployment.ask(f"/models/{after}/report").body["data"]["added"] >= 1


def test_models_and_images_change_without_a_failed_request(deployment: Deployment) -> None:
    """Under load, models are switched and every replica is replaced by one of a new image: no request fails."""
    docker("build", "--tag", NEXT, "-", text=f"FROM {deployment.image}\nLABEL org.opencontainers.image.version=next\n")
    leaving = set(deployment.containers("service"))
    with Load(deployment.port) as load:
        load.wait_for(500, 120)
        for _ in range(4):
            before = load.answered
            assert deployment.ask("/models/rollback", method="POST").status == 200
            load.wait_for(before + 500, 120)
        print(deployment.run("docs/deploy/compose/roll.sh", WIRETAG_IMAGE=NEXT))
        load.wait_for(REQUESTS, 600)
    print(f"containers: {load.answered:,} requests, {len(load.failures)} failed, the slowest {load.slowest:.2f} s")
    assert load.failures == []
    assert len(load.versions) == 2
    coming = set(deployment.containers("service"))
    assert len(coming) == len(leaving) == 2
    assert not coming & leaving
    assert {docker("inspect", "--format", "{{.Config.Image}}", each) for each in coming} == {NEXT}
    assert_kept(deployment, load)
    deployment.environment["WIRETAG_IMAGE"] = NEXT


def test_an_image_that_does_not_work_replaces_nothing(deployment: Deployment) -> None:
    """The change ends at the first new replica, which says what is wrong; the old ones serve on."""
    before = deployment.containers("service")
    told = deployment.run("docs/deploy/compose/roll.sh", check=False, WIRETAG_RATE="nonsense", PATIENCE="3")
    assert "is not a rate" in told
    assert deployment.containers("service") == before
    assert deployment.ask("/readyz").status == 200


def test_a_killed_replica_is_not_noticed(deployment: Deployment) -> None:
    """What it had at hand goes to the other one; it is back once started."""
    victim, _ = deployment.containers("service")
    with Load(deployment.port) as load:
        load.wait_for(500, 120)
        docker("kill", victim)
        load.wait_for(load.answered + 1_000, 120)
        docker("start", victim)
        wait_until(lambda: docker("inspect", "--format", "{{.State.Health.Status}}", victim) == "healthy", 60)
        load.wait_for(load.answered + 500, 120)
    print(f"containers: a replica killed: {len(load.failures)} of {load.answered:,} failed, the slowest {load.slowest:.2f} s")
    assert load.failures == []
    assert_kept(deployment, load)


def test_a_killed_database_stops_corrections_alone(deployment: Deployment) -> None:
    """Classification goes on; corrections get 503 with the reason and when to come back; what was accepted is there after."""
    (database,) = deployment.containers("postgres")
    with Load(deployment.port) as load:
        load.wait_for(500, 120)
        docker("kill", database)
        wait_until(lambda: deployment.ask("/corrections", {"text": "A lost word.", "topics": []}).status == 503)
        refused = deployment.ask("/corrections", {"text": "A lost word.", "topics": []})
        assert "it is unreachable" in refused.body["detail"]
        assert refused.headers["retry-after"] == "5"
        assert deployment.ask("/classify", {"text": "The editor was fined by the court."}).status == 200
        docker("start", database)
        wait_until(lambda: deployment.ask("/corrections", {"text": "A word.", "topics": []}).status == 201, 60)
        load.wait_for(load.answered + 500, 120)
    print(f"containers: the database killed: {dict(load.statuses)}")
    assert set(load.statuses) <= {200, 201, 503}
    assert load.statuses[503] == len(load.failures)
    assert all("corrections store" in failure for failure in load.failures)
    assert_kept(deployment, load)


def test_a_killed_nginx_is_noticed_and_back(deployment: Deployment) -> None:
    """Connections break until it is there again, and a few requests are told to come back; nothing that was accepted is lost."""
    (front,) = deployment.containers("nginx")
    with Load(deployment.port) as load:
        load.wait_for(500, 120)
        docker("kill", front)
        wait_until(lambda: load.failures)
        docker("start", front)
        wait_until(lambda: deployment.ask("/readyz").status == 200, 30)
        load.wait_for(load.answered + 500, 120)
    told = Counter(
        failure for failure in load.failures if failure.startswith("503")
    )  # by an nginx that has not found all replicas
    print(
        f"containers: nginx killed: {dict(load.statuses)}, {len(load.failures)} broken, refused or told to come back {dict(told)}"
    )
    assert set(load.statuses) <= {200, 201, 503}
    assert load.statuses[503] <= load.answered / 100
    assert_kept(deployment, load)


def test_without_replicas_the_answer_says_so(deployment: Deployment) -> None:
    """A problem document from nginx, with the time to come back; replicas that come are found."""
    deployment.compose("stop", "service")
    refused = deployment.ask("/classify", {"text": "Anything."})
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert refused.body["detail"].startswith("no replica of the service answers")
    deployment.compose("start", "service")
    wait_until(lambda: deployment.ask("/readyz").status == 200, 60)


def test_redis_counts_for_both_replicas(deployment: Deployment) -> None:
    """A limit is the same whichever replica answers."""
    limited = {"WIRETAG_RATE": "10/hour", "WIRETAG_REDIS_FILE": "/secrets/redis_url"}
    deployment.compose("--profile", "redis", "up", "--detach", "--no-build", "--wait", **limited)
    statuses = [deployment.ask("/topics").status for _ in range(15)]
    assert statuses == [200] * 10 + [429] * 5
    deployment.compose("up", "--detach", "--no-build", "--wait")


def test_everything_stops_cleanly(deployment: Deployment) -> None:
    """Each part ends in time with status 0, and secrets stand in no variable of any of them."""
    everything = [each for name in ("service", "nginx", "postgres") for each in deployment.containers(name)]
    password = docker("exec", deployment.containers("service")[0], "cat", "/secrets/password")
    assert len(password) == 32
    assert password not in docker("inspect", *everything)
    deployment.compose("stop")
    found = docker("inspect", "--format", "{{.Name}} {{.State.ExitCode}}", *everything).splitlines()
    assert [line for line in found if not line.endswith(" 0")] == []


def assert_kept(deployment: Deployment, load: Load) -> None:
    """Every correction that a client was told of stands in the store, once."""
    query = "SELECT text FROM corrections WHERE text LIKE 'Client % of run " + str(id(load)) + " %'"
    (database,) = deployment.containers("postgres")
    password = docker("exec", "--user", "0", database, "cat", "/secrets/password")
    words = [
        "exec",
        "--env",
        f"PGPASSWORD={password}",
        database,
        "psql",
        "--host",
        "127.0.0.1",
        "-U",
        "wiretag",
        "-At",
        "-c",
        query,
    ]
    stored = docker(*words).splitlines()
    assert load.corrected <= set(stored)
    assert len(stored) == len(set(stored)), "stored twice"
    assert len(set(load.accepted)) == len(load.accepted)
