"""What can be said in a cell: help, completion, errors in one line, variables as models."""

import json
import subprocess
import sys

import kernels
import nbclient
import nbformat
import pytest

UNIT = "synthetic/one/1001"
NETWORK = """
import torch, numpy as np, pathlib
from PIL import Image
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU())
prepared = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), 16)
photos = pathlib.Path({folder!r})
for number in range(40):
    pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(photos / f"{{number}}.png")
number = 3
"""


@pytest.fixture(scope="module")
def front(own_folders, tmp_path_factory):
    with kernels.opened() as front:
        folder = tmp_path_factory.mktemp("photos")
        front.run(NETWORK.format(folder=str(folder)))
        yield front


def complete(front, line):
    front.client.complete(line)
    return front.client.get_shell_msg(timeout=60)["content"]["matches"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%maia nonsense", "'nonsense' is no command; the nearest are"),
        ("%maia descrbe scenes/layer4/3", "the nearest are describe"),
        ("%maia describe scenes layer4 3", "'scenes layer4 3' is not a unit; write it as"),
        ("%maia sessions 3", "unrecognized arguments: 3"),
        ("%maia describe", "unit"),
        ("%maia describe nonsense", "is not a unit"),
        ("%maia describe number/0/1", "is a int here"),
        ("%maia describe net/0/1 --preprocess nothing", "is not a variable"),
        ("%maia describe net/0/1 --preprocess prepared", "--data FOLDER"),
        ("%maia spurious net", "--layer"),
        ("%maia spurious net --layer 0 --preprocess prepared --data photos", "no two classes"),
        ("%maia approve", "has no session"),
        ("%maia reject no", "has no session"),
        ("%maia resume nobody", "is not a session"),
        ("%maia report nobody", "is not a session"),
        ("%maia units nonsense", "torchvision:NAME"),
        ('%maia note "open', "close the quotes"),
        ("%%maia status\nx", "takes no cell body"),
        ("%maia try something", "runs a cell's body"),
        ("%%maia try\nprint(1)", "no session is open"),
        ("%maia budget steps 30", "has no session"),
        ("%maia budget apples 3", "invalid choice"),
        ("%maia export nobody", "is not a session"),
        ("%maia auto three", "invalid int value"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_without_a_traceback(front, line, said):
    reply, outputs = front.run(line)
    text = kernels.text(outputs)
    assert reply["status"] == "error" and said in text
    assert "Traceback" not in text and "File " not in text


def test_help_is_printed_and_is_what_the_question_mark_shows(front):
    text = kernels.text(front.run("%maia --help")[1])
    assert "describe" in text and "%%maia try" in text and "not-yet" in text
    assert "--generator" in kernels.text(front.run("%maia describe --help")[1])
    reply, _ = front.run("%maia?")
    (shown,) = [p for p in reply["payload"] if p["source"] == "page"]
    assert "find out what makes a unit active" in shown["data"]["text/plain"]


def test_commands_options_models_layers_and_sessions_are_completed(front):
    assert "describe" in complete(front, "%maia de")
    assert {"stop", "status"} <= set(complete(front, "%maia st"))
    assert any("generator" in m for m in complete(front, "%maia describe --gen"))
    assert any(m.endswith("net/") for m in complete(front, "%maia describe ne"))
    assert any(m.endswith("/") and "0" in m for m in complete(front, "%maia describe net/"))
    assert "pin" in complete(front, "%maia hypothesis p")
    assert "net" in complete(front, "%maia spurious ne")
    assert {"0", "1"} <= set(complete(front, "%maia spurious net --layer "))


def test_a_variable_is_a_model_its_data_and_its_preprocessing(front):
    given = "--preprocess prepared --data photos --generator scenes"
    reply, outputs = front.run(f"%maia describe net/0/2 {given} --name mine")
    assert reply["status"] == "ok", outputs
    assert "mine studies net/0/2" in kernels.text(outputs)
    (payload,) = reply["payload"]
    assert "15 images" in kernels.text(front.run(payload["text"])[1])
    reply, outputs = front.run(
        "%maia exemplars net/0/2 --preprocess prepared --data photos --count 4"
    )
    assert "display_data" in {kind for kind, _ in outputs}
    front.run("%unload_ext maia_lab")
    front.run("%load_ext maia_lab")
    said = kernels.text(front.run("%maia resume mine")[1])
    assert "variables of its notebook" in said and "--session mine" in said
    reply, outputs = front.run(f"%maia describe net/0/2 {given} --session mine")
    assert "# maia: mine/2" in reply["payload"][0]["text"], outputs
    assert "net/0/7" in kernels.text(front.run("%maia units net --preprocess prepared")[1])


def test_a_session_is_seen_noted_reported_and_ended(front, tmp_path):
    front.run(f"%maia describe {UNIT} --name seen")
    status = kernels.text(front.run("%maia status")[1])
    assert f"→ seen · {UNIT}" in status and "front end: running a cell approves it" in status
    assert "pip install maia-lab where jupyter lab runs" in status
    assert "reads it" in kernels.text(front.run('%maia note "look at sand"')[1])
    assert "R1: it sees sand" in kernels.text(front.run("%maia hypothesis add it sees sand")[1])
    assert "step 1 of 25" in kernels.text(front.run("%maia budget")[1])
    assert "seen: ask" in kernels.text(front.run("%maia policy")[1])
    assert "report.html" in kernels.text(front.run(f"%maia report --out {tmp_path}")[1])
    assert (tmp_path / "report.html").is_file()
    assert "seen" in kernels.text(front.run("%maia sessions")[1])
    assert "look at sand" in kernels.text(front.run("%maia replay seen --all")[1])
    assert "front end: running a cell approves it" in kernels.text(front.run("%maia doctor")[1])
    assert "ended" in kernels.text(front.run("%maia stop")[1])
    reply, outputs = front.run("%maia approve")
    assert reply["status"] == "error" and "nothing to approve" in kernels.text(outputs)


def test_a_budget_is_set_anew_and_kept(front):
    front.run(f"%maia describe {UNIT} --name spent --steps 2")
    assert "step 1 of 9" in kernels.text(front.run("%maia budget steps 9")[1])
    assert "of 60 s" in kernels.text(front.run("%maia budget seconds 60")[1])
    for line, said in (
        ("%maia budget steps 0", "above zero"),
        ("%maia budget steps 2.5", "whole number"),
        ("%maia budget steps", "needs a number"),
    ):
        reply, outputs = front.run(line)
        assert reply["status"] == "error" and said in kernels.text(outputs)
    again = "import maia_lab; print(maia_lab.find('spent', readonly=True).opened.setting.max_steps)"
    assert kernels.text(front.run(again)[1]) == "9\n"
    assert "step 1 of 9" in kernels.text(front.run("%maia budget")[1])
    front.run("import os; os.environ['MAIA_MAX_STEPS'] = '12'")
    reply, outputs = front.run("%maia budget steps 13")
    front.run("del os.environ['MAIA_MAX_STEPS']")
    assert reply["status"] == "error" and "exceeds the limit of 12" in kernels.text(outputs)
    assert "step 1 of 9" in kernels.text(front.run("%maia budget")[1])


def test_a_session_is_exported_beside_the_notebook_and_nothing_is_overwritten(front, tmp_path):
    front.run(f"%maia describe {UNIT} --name exported")
    front.run("%maia approve")
    for ending in ("ipynb", "html", "md"):
        file = tmp_path / f"mine.{ending}"
        assert "wrote" in kernels.text(front.run(f"%maia export --out {file}")[1])
        assert "exported" in file.read_text("utf-8")
        assert "is there already" in kernels.text(front.run(f"%maia export --out {file}")[1])
    nbformat.validate(nbformat.read(tmp_path / "mine.ipynb", 4))
    assert "no format" in kernels.text(front.run("%maia export --out mine.pdf")[1])
    front.run(f"import os; here = os.getcwd(); os.chdir({str(tmp_path)!r})")
    assert "wrote exported.ipynb" in kernels.text(front.run("%maia export")[1])
    front.run("os.chdir(here)")
    assert (tmp_path / "exported.ipynb").is_file()


def test_a_session_whose_process_was_killed_does_not_run(front):
    manager = kernels.start()
    killed = kernels.FrontEnd(manager)
    killed.run("%load_ext maia_lab")
    killed.run(f"%maia describe {UNIT} --name killed")
    assert "waiting for a verdict" in listed(front, "killed")
    killed.begin("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    manager.provisioner.process.wait(60)
    killed.close()
    manager.cleanup_resources()
    said = listed(front, "killed")
    assert "left when its process ended" in said and "waiting" not in said
    assert "# maia: killed/1.2" in front.run("%maia resume killed")[0]["payload"][0]["text"]
    assert "waiting for a verdict" in listed(front, "killed")


def listed(front, name):
    lines = kernels.text(front.run("%maia sessions")[1]).splitlines()
    return next(line for line in lines if line.startswith(name))


def test_a_session_does_not_go_on_with_other_weights_or_without_its_model(front):
    given = "--preprocess prepared --data photos --generator scenes"
    front.run(f"%maia describe net/0/1 {given} --name changed")
    front.run("%unload_ext maia_lab\nkept = net[0].weight.detach().clone()")
    front.run("%load_ext maia_lab\nwith torch.no_grad(): net[0].weight.mul_(2)")
    outcome = front.run(f"%maia describe net/0/1 {given} --session changed")
    assert "has not the weights" in refusal(outcome)
    front.run("with torch.no_grad(): net[0].weight.copy_(kept)\nmodel, net = net, None")
    outcome = front.run(f"%maia describe net/0/1 {given} --session changed")
    assert "'net' is not the name of a model" in refusal(outcome)
    front.run("net = model")
    reply, outputs = front.run(f"%maia describe net/0/1 {given} --session changed")
    assert "# maia: changed/1.2" in reply["payload"][0]["text"], outputs


def test_a_folder_that_cannot_be_written_is_named(front):
    front.run("import os; home = os.environ['MAIA_HOME']; os.environ['MAIA_HOME'] = '/dev/null'")
    try:
        assert "cannot be made" in refusal(front.run(f"%maia describe {UNIT}"))
        assert "No sessions in" in kernels.text(front.run("%maia sessions")[1])
    finally:
        front.run("os.environ['MAIA_HOME'] = home")


def refusal(outcome):
    """One line of what was said in place of a traceback."""
    reply, outputs = outcome
    said = kernels.text(outputs)
    assert reply["status"] == "error" and "Traceback" not in said and "File " not in said
    return said


def test_a_second_describe_pauses_the_first_and_says_so(front):
    front.run(f"%maia describe {UNIT} --name one-of-two")
    said = kernels.text(front.run(f"%maia describe {UNIT} --name two-of-two")[1])
    assert "one-of-two is paused; go back to it with %maia resume one-of-two" in said
    reply, _ = front.run("%maia resume one-of-two")
    assert "# maia: one-of-two/1.2 · " in reply["payload"][0]["text"]


def test_loading_twice_is_harmless_and_unloading_leaves_nothing(front):
    front.run("%load_ext maia_lab")
    front.run("%load_ext maia_lab")
    count = "sum('maia' in type(t).__module__ for t in get_ipython().ast_transformers)"
    assert kernels.text(front.run(count)[1]) == "1"
    front.run("%unload_ext maia_lab")
    assert kernels.text(front.run(count)[1]) == "0"
    _, outputs = front.run("%maia status")
    assert "not found" in kernels.text(outputs)
    front.run("%load_ext maia_lab")


def test_loading_is_quick_and_brings_no_heavy_library():
    code = (
        "import sys, time\nbegan = time.process_time()\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "import IPython.core.completer, IPython.core.magics, IPython.display\n"
        "shell = InteractiveShell.instance()\nthere = time.process_time()\n"
        "shell.run_line_magic('load_ext', 'maia_lab')\nends = time.process_time()\n"
        "print(ends - there, there - began, *(m.split('.')[0] for m in sys.modules))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    seconds, itself, *modules = min(
        (r.stdout.split() for r in runs), key=lambda words: float(words[0])
    )
    assert not {"torch", "diffusers", "transformers", "anthropic", "pandas"} & set(modules)
    # On a busy machine IPython itself takes longer, and says how much.
    assert float(seconds) <= max(0.3, 6 * float(itself))


def test_a_saved_session_runs_from_top_to_bottom_without_an_agent(front, own_folders, tmp_path):
    reply, _ = front.run(f"%maia describe {UNIT} --name kept --steps 2")
    cells = [f"%load_ext maia_lab\n%maia describe {UNIT} --session kept"]
    while reply["payload"]:
        cells.append(reply["payload"][0]["text"])
        reply, _ = front.run(cells[-1])
    front.run("%maia accept")
    before = front.run(
        "import maia_lab; print(len(maia_lab.find('kept', readonly=True).journal.events))"
    )[1]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    assert len(cells) == 3
    said = json.dumps(notebook.cells[0]["outputs"])
    assert "has ended" in said and "## Conclusion" in said
    assert all(cell["outputs"] for cell in notebook.cells)
    after = front.run("print(len(maia_lab.find('kept', readonly=True).journal.events))")[1]
    assert kernels.text(before) == kernels.text(after)
