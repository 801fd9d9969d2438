"""A language model from the outside: the command, the notebook, the bench, and where keys go."""

import io
import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from maia_lab.bench.agent import agent as bench
from maia_lab.bench.damage import accepted, damaged, sound
from maia_lab.bench.loopback import Fault, Loopback
from maia_lab.bench.scientist import scientist
from maia_lab.spending import Price, Usage

LIVE = os.environ.get("ANTHROPIC_API_KEY", "")
CANARY = "sk-ant-api03-canary-5c0ffee-AAAA"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """One whole session by the command, against a server that stumbles once."""
    home = tmp_path_factory.mktemp("claude")
    with Loopback(scientist, key=CANARY) as server:
        server.faults.append(Fault("529"))
        own = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": CANARY}
        own |= {"MAIA_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100"}
        command = [sys.executable, "-m", "maia_lab", "describe", "scenes/layer4/12"]
        options = ["--agent", "claude", "--review", "auto", "--session", "amber-fox"]
        options += ["--money", "5", "--tokens", "1000000", "--out", str(home / "out")]
        done = subprocess.run(
            [*command, *options], env=os.environ | own, capture_output=True, text=True
        )
        yield done, home, server


def test_the_command_describes_a_unit_from_the_look_to_the_conclusion(session):
    done, home, server = session
    assert done.returncode == 0, done.stderr
    assert server.refused == [] and len(server.requests) >= 4
    assert "is busy (529); trying again in" in done.stdout
    assert "≤ 1,000,000 tokens, ≤ $5.00" in done.stdout
    assert "the agent used" in done.stdout and "the description stands" in done.stdout
    assert (home / "out" / "report.html").exists()


def test_the_key_is_found_nowhere(session):
    done, home, _ = session
    found = [p for p in home.rglob("*") if p.is_file() and CANARY.encode() in p.read_bytes()]
    assert found == [] and CANARY not in done.stdout + done.stderr


def test_the_key_is_in_no_traceback_and_no_log(monkeypatch):
    from test_session import opened

    from maia_lab.agents.claude import ClaudeAgent
    from maia_lab.agents.server import AgentError, Server
    from maia_lab.loop import next_thought

    seen = io.StringIO()
    handler = logging.StreamHandler(seen)
    logging.getLogger().addHandler(handler)
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    going = opened()
    try:
        with Loopback(scientist, key="another") as server:
            asked = Server("m", server.url, CANARY, pause=0.01)
            model = ClaudeAgent(pixels=going.journal.image, server=asked)
            with pytest.raises(AgentError) as failed:
                next_thought(going, model)
    finally:
        logging.getLogger().removeHandler(handler)
    seen.write("".join(traceback.format_exception(failed.value)))
    assert "does not accept the API key" in seen.getvalue() and CANARY not in seen.getvalue()
    assert CANARY not in repr(asked) + repr(model) + repr(asked._client())


def test_damaged_answers_are_never_taken():
    assert accepted(sound())
    assert not [stream for stream in damaged(400, seed=3) if accepted(stream)]


def test_the_bench_holds_on_a_small_number():
    rows = {row.name: row for row in bench([1], n=60).rows}
    names = ["billed-input-share", "agent-overhead", "images-resent", "faults-survived"]
    assert set(names) | {"damaged-accepted", "histories-rejected"} <= set(rows)
    # How long it takes is measured where nothing else runs.
    assert [row.name for row in rows.values() if row.holds is False] in ([], ["agent-overhead"])


def test_a_price_is_of_a_named_model_on_a_named_day(tmp_path, monkeypatch):
    usage = Usage(input=1_000_000, output=100_000)
    assert Price.of("claude-opus-4-5-20251101").cost(usage) == pytest.approx(7.5)
    assert Price.of("claude-opus-4-5").date and Price.of("qwen3-vl") is None
    row = dict.fromkeys(("input", "cache_read", "cache_write", "cache_write_1h", "output"), 1)
    body = "".join(f"{key} = {value}\n" for key, value in row.items())
    (tmp_path / "own.toml").write_text(f'date = "2030-01-01"\n[models.qwen3-vl]\n{body}')
    monkeypatch.setenv("MAIA_PRICES", str(tmp_path / "own.toml"))
    assert Price.of("qwen3-vl").cost(usage) == pytest.approx(1.1)


NOTEBOOK = """
import maia_lab
get_ipython().run_line_magic("load_ext", "maia_lab")
get_ipython().run_line_magic(
    "maia", "describe scenes/layer4/12 --agent claude --review auto --wait --name from-a-notebook")
"""


def test_the_same_in_a_notebook(tmp_path, monkeypatch):
    from jupyter_client.manager import start_new_kernel

    with Loopback(scientist, key=CANARY) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
        monkeypatch.setenv("MAIA_HOME", str(tmp_path))
        manager, client = start_new_kernel(kernel_name="python3")
        try:
            out = []
            client.execute_interactive(NOTEBOOK, timeout=300, output_hook=out.append)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        assert server.refused == []
    said = json.dumps([message["content"] for message in out])
    assert "It is active when there is" in said and CANARY not in said
    files = [p for p in Path(tmp_path).rglob("*") if p.is_file()]
    assert files and not [p for p in files if CANARY.encode() in p.read_bytes()]


@pytest.mark.skipif(not LIVE, reason="no ANTHROPIC_API_KEY: nobody to ask")
def test_one_short_live_session(tmp_path, monkeypatch):
    from maia_lab import describe

    monkeypatch.setenv("ANTHROPIC_API_KEY", LIVE)
    session = describe(
        "scenes/layer4/12", agent="claude", review="safe", max_steps=4, max_money=1.0,
        folder=tmp_path,
    ).wait()  # fmt: skip
    assert session.state.ended and session.spent.requests >= 2
