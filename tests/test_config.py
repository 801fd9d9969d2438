"""What holds where a command does not say: sources, limits, and who may be spoken to."""

import os
import subprocess
import sys

import kernels
import pytest

from maia_lab import access, config, places
from maia_lab.config import Config
from maia_lab.errors import ConfigError

ELSEWHERE = "https://gateway.example"
SHARED = "http://models.example:8000/v1"


@pytest.fixture(autouse=True)
def own_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MAIA_HOME", str(tmp_path))
    for name in [n for n in os.environ if n.startswith(("ANTHROPIC_", "MAIA_MAX", "MAIA_AGENT"))]:
        monkeypatch.delenv(name)
    return tmp_path / "config.toml"


def maia(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "maia_lab", *words],
        capture_output=True, text=True, input="", env={**os.environ, **environment},
    )  # fmt: skip


def test_the_command_counts_before_the_environment_that_before_the_file(own_file, monkeypatch):
    assert Config.read().values["model"].source == "default"
    config.put("model", "from-file")
    assert Config.read().model == "from-file"
    assert Config.read().values["model"].source == str(own_file)
    monkeypatch.setenv("MAIA_MODEL", "from-environment")
    value = Config.read().values["model"]
    assert (value.value, value.source) == ("from-environment", "MAIA_MODEL")
    assert "from-file" in value.note
    assert Config.read(model="given").model == "given"
    config.drop("model")
    assert not Config.read().values["model"].note


def test_a_limit_of_the_environment_is_raised_neither_by_the_file_nor_by_the_command(monkeypatch):
    config.put("max_money", "20")
    monkeypatch.setenv("MAIA_MAX_MONEY", "1.5")
    value = Config.read().values["max_money"]
    assert (value.value, value.source) == (1.5, "MAIA_MAX_MONEY")
    assert "20" in value.note and "lowest holds" in value.note
    with pytest.raises(ConfigError, match="exceeds the limit"):
        Config.read(max_money=2)
    assert Config.read(max_money=0.5).max_money == 0.5
    config.put("max_money", "1")
    assert Config.read().max_money == 1.0
    monkeypatch.delenv("MAIA_MAX_MONEY")
    assert Config.read(max_money=2).max_money == 2


def test_the_rest_of_the_file_stays_as_it_was_written(own_file):
    own_file.write_text('# of our group\nagent = "offline"  # safe\nmax_steps = 9\n')
    config.put("max_steps", "12")
    config.trust(ELSEWHERE)
    config.put("model", 'a "quoted" \\ name')
    text = own_file.read_text()
    assert "# of our group\n" in text and 'agent = "offline"  # safe\n' in text
    settled = Config.read()
    assert (settled.max_steps, settled.model) == (12, 'a "quoted" \\ name')
    assert settled.trusted == (ELSEWHERE,)
    own_file.write_text('trusted = [\n  "https://a.example",\n]\n')
    with pytest.raises(ConfigError, match="by hand"):
        config.trust(ELSEWHERE)
    assert "a.example" in own_file.read_text()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("max_money", "-1", "above zero"),
        ("max_steps", "2.5", "whole number"),
        ("max_seconds", "inf", "above zero"),
        ("max_mony", "1", "max_money"),
        ("review", "auto", "anew for each session"),
        ("api_key", "x", "never stored"),
        ("model", "sk-ant-api03-canary", "plain text"),
        ("agent", "two\nlines", "plain text"),
    ],
)
def test_what_cannot_be_configured_is_said(name, text, says, own_file):
    with pytest.raises(ConfigError, match=says):
        config.put(name, text)
    assert not own_file.exists()


@pytest.mark.parametrize("text", ["max_mony = 1", "agent = ", "agent = 3", "trusted = 'x'", "\xff"])
def test_a_file_that_cannot_hold_is_named_not_ignored(text, own_file):
    own_file.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError):
        Config.read()


def test_no_key_makes_room_for_the_offline_agent_and_says_so(monkeypatch):
    name, remark = access.experimenter(Config.read())
    assert name == "offline" and "No API key" in remark
    config.put("agent", "claude")
    assert access.experimenter(Config.read())[0] == "offline"
    assert access.experimenter(Config.read(agent="claude")) == ("claude", "")
    assert access.experimenter(Config.read(agent="offline")) == ("offline", "")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:11434")
    assert access.experimenter(Config.read())[0] == "claude"
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-canary")
    assert access.experimenter(Config.read()) == ("claude", "")
    monkeypatch.setenv("MAIA_AGENT", "offline")
    assert access.experimenter(Config.read()) == ("offline", "")


@pytest.mark.parametrize(
    "url",
    ["", "https://api.anthropic.com", "https://api.anthropic.com/v1", "http://localhost:8080",
     "http://127.0.0.1:1", "http://127.8.0.1", "http://[::1]:80/v1", "https://API.anthropic.com"],
)  # fmt: skip
def test_the_vendor_and_this_machine_need_no_confirmation(url):
    access.check(url)


@pytest.mark.parametrize(
    "url",
    [ELSEWHERE, SHARED, "http://127.0.0.1.evil.example", "https://api.anthropic.com.evil.example",
     "http://localhost.evil.example", "http://api.anthropic.com", "https://api.anthropic.com:8443",
     "http://10.0.0.1", "http://0.0.0.0:80"],
)  # fmt: skip
def test_any_other_server_is_refused_with_the_line_that_allows_it(url, own_file):
    with pytest.raises(ConfigError) as refused:
        access.check(url)
    line = f'trusted = ["{access.server(url)}"]'
    assert line in str(refused.value) and str(own_file) in str(refused.value)
    own_file.write_text(line)
    assert access.check(url) == access.server(url)


@pytest.mark.parametrize(
    "url",
    ["http://user@127.0.0.1", "http://127.0.0.1\\@evil.example", "ftp://127.0.0.1", "127.0.0.1:80",
     "http://127.0.0.1#@evil.example", "http://127.0.0.1?@evil.example", "http://127.0.0.1 ",
     "http://127.0.0.1\n.evil.example", "https://\u0430pi.anthropic.com", "javascript:alert(1)"],
)  # fmt: skip
def test_an_address_that_could_be_read_in_two_ways_is_none(url):
    with pytest.raises(ConfigError, match="is not a server's address"):
        access.check(url, lambda _: "y")


def test_a_server_is_asked_about_once():
    asked = []

    def answer(question):
        asked.append(question)
        return "y"

    with pytest.raises(ConfigError):
        access.check(SHARED, lambda _: "")
    assert access.check(SHARED + "/elsewhere", answer) == "http://models.example:8000"
    assert access.check(SHARED, answer) == "http://models.example:8000"
    (question,) = asked
    assert "models.example:8000" in question and "key" in question and "encrypted" in question


def test_a_typed_key_serves_this_process_and_is_asked_for_once(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    with pytest.raises(ConfigError, match="is not set"):
        access.key()
    assert access.key(secret=lambda _: " typed-key \n") == "typed-key"
    assert access.key() == "typed-key"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    assert access.key("http://localhost:8000") == access.NOTHING
    assert "typed-key" not in repr(places.config().parent.glob("**/*"))


def test_the_command_shows_each_value_with_its_source(own_file):
    shown = maia("config", MAIA_MAX_MONEY="2", ANTHROPIC_BASE_URL=SHARED).stdout
    assert "2.0" in shown and "MAIA_MAX_MONEY" in shown and "ANTHROPIC_BASE_URL" in shown
    assert str(own_file) in shown
    done = maia("config", "set", "agent", "offline")
    assert done.returncode == 0 and str(own_file) in done.stderr
    assert 'agent = "offline"' in own_file.read_text()
    assert maia("config", "unset", "agent").returncode == 0
    refused = maia("config", "set", "review", "auto")
    assert refused.returncode == 1 and "anew for each session" in refused.stderr


def test_a_describe_without_a_key_says_once_who_experiments():
    done = maia("describe", "synthetic/one/1001", "--review", "auto", "--steps", "1")
    assert done.stderr.count("the offline agent experiments") == 1, done.stderr
    done = maia("describe", "synthetic/one/1001", "--agent", "claude", "--review", "auto")
    assert done.returncode == 1 and "ANTHROPIC_API_KEY" in done.stderr
    sent = {"ANTHROPIC_API_KEY": "canary-key", "ANTHROPIC_BASE_URL": ELSEWHERE}
    done = maia("describe", "synthetic/one/1001", "--review", "auto", **sent)
    assert done.returncode == 1 and f'trusted = ["{ELSEWHERE}"]' in done.stderr
    assert "canary-key" not in done.stderr + done.stdout


def test_a_limit_is_the_session_s_own(monkeypatch):
    done = maia("describe", "synthetic/one/1001", "--agent", "offline", "--review", "auto",
                "--steps", "9", MAIA_MAX_STEPS="5")  # fmt: skip
    assert "exceeds the limit of 5" in done.stderr
    done = maia("describe", "synthetic/one/1001", "--agent", "offline", "--review", "auto",
                MAIA_MAX_STEPS="2")  # fmt: skip
    assert "≤ 2 steps" in done.stdout


def test_in_a_notebook_configuration_is_shown_and_a_key_is_typed_unseen(own_file):
    with kernels.opened() as front:
        assert "max_money" in kernels.text(front.run("%maia config")[1])
        assert "9" in kernels.text(front.run("%maia config set max_steps 9")[1])
        assert "max_steps = 9" in own_file.read_text()
        assert "lacks something" in kernels.text(front.run("%maia config set max_steps")[1])
        said = kernels.text(front.run("%maia describe synthetic/one/1001")[1])
        assert "the offline agent experiments" in said
        refused = kernels.text(front.run("%maia describe synthetic/one/1001 --agent claude")[1])
        assert "ANTHROPIC_API_KEY" in refused and "Traceback" not in refused
        asking = (
            "from maia_lab import access\nfrom maia_lab.notebook.opening import asking\n"
            "key = access.key('', asking(get_ipython())[1])\nprint(len(key))"
        )
        prompts = []

        def answer(message):
            prompts.append(message["content"])
            front.client.input("typed-canary")

        outputs = []
        front.client.execute_interactive(
            asking, allow_stdin=True, stdin_hook=answer, timeout=60,
            output_hook=lambda message: outputs.append(message["content"]),
        )  # fmt: skip
        assert [p["password"] for p in prompts] == [True]
        assert "12" in str(outputs) and "typed-canary" not in str(outputs)


def test_a_limit_of_money_is_refused_where_no_price_could_hold_it(monkeypatch):
    monkeypatch.setenv("MAIA_MAX_MONEY", "2")
    with pytest.raises(ConfigError, match=r"price of qwen3-vl is not known.*limit max_tokens"):
        access.priced(Config.read(model="qwen3-vl", base_url=SHARED), access.MODEL, None)
    with pytest.raises(ConfigError, match="price of qwen3-vl is not known"):
        access.priced(Config.read(), access.OFFLINE, "claude:qwen3-vl")
    access.priced(Config.read(model="qwen3-vl"), access.OFFLINE, "clip:folder")
    access.priced(Config.read(model="claude-opus-5"), access.MODEL, "claude")
    here = Config.read(model="qwen3-vl", base_url="http://localhost:8000")
    access.priced(here, access.MODEL, None)
