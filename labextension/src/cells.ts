/** The notebook's cells as maia_lab changes them: insert, mark, run, make raw. */

import type { CodeCell, ICodeCellModel } from '@jupyterlab/cells';
import { type INotebookModel, type Notebook, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import type { CellMetadata } from './wire.js';

/** The one key under which a cell's metadata speaks of maia_lab. */
export const KEY = 'maia';

/** How often, and after how many milliseconds each, to look where the focus went. */
const LOOKS = 20;
const PAUSE = 50;

export interface NewCell {
  readonly cell_type: 'code' | 'markdown';
  readonly id: string;
  readonly source: string;
  readonly metadata: CellMetadata;
}

/** Where a cell is; -1: nowhere. */
export function indexOf(notebook: INotebookModel, id: string | null): number {
  return notebook.sharedModel.cells.findIndex(cell => cell.getId() === id);
}

/** A cell's whole text; null: there is no such cell. */
export function textOf(notebook: INotebookModel, id: string): string | null {
  return notebook.sharedModel.cells[indexOf(notebook, id)]?.getSource() ?? null;
}

/** What a cell's metadata says of maia_lab; null: nothing that makes sense. */
export function metadataOf(cell: { getMetadata(key: string): unknown }): CellMetadata | null {
  const found = cell.getMetadata(KEY) as Partial<CellMetadata> | undefined;
  const sane =
    typeof found?.session === 'string' && ['number', 'undefined'].includes(typeof found.step);
  return sane ? (found as CellMetadata) : null;
}

/** Write a cell's metadata; it is no edit that an undo would take back. */
export function mark(notebook: INotebookModel, id: string, metadata: CellMetadata): void {
  notebook.sharedModel.cells[indexOf(notebook, id)]?.setMetadata(KEY, { ...metadata });
}

/** Which magics began which sessions, by the cells' ids. */
export function begun(notebook: INotebookModel): { [cell: string]: string } {
  const found: { [cell: string]: string } = {};
  for (const cell of notebook.sharedModel.cells) {
    const metadata = metadataOf(cell);
    if (cell.cell_type === 'code' && metadata && metadata.step === undefined) {
      found[cell.getId()] = metadata.session;
    }
  }
  return found;
}

/**
 * Put a cell below another (or below the active one), as an edit of its own that one undo takes
 * back. A cell with this id that is there already keeps its place and its text.
 */
export function insert(panel: NotebookPanel, cell: NewCell, after: string | null): void {
  const notebook = panel.content;
  const model = notebook.model;
  if (!model || indexOf(model, cell.id) >= 0) {
    return;
  }
  const beside = indexOf(model, after);
  const index = (beside < 0 ? notebook.activeCellIndex : beside) + 1;
  const { cell_type, id, source, metadata } = cell;
  ownEdit(model);
  keepingFocus(notebook, () => {
    const trusted = cell_type === 'code' ? { trusted: true } : {};
    model.sharedModel.insertCell(index, {
      cell_type,
      id,
      source,
      metadata: { ...trusted, [KEY]: { ...metadata } }
    });
  });
  ownEdit(model);
}

/** Replace a cell's text, as an edit of its own. */
export function rewrite(notebook: INotebookModel, id: string, source: string): void {
  ownEdit(notebook);
  notebook.sharedModel.cells[indexOf(notebook, id)]?.setSource(source);
  ownEdit(notebook);
}

/** Say in the first line of a proposal that is offered anew which offer it is; the rest stays. */
export function renumber(notebook: INotebookModel, id: string, revision: number, source: string): void {
  const cell = notebook.sharedModel.cells[indexOf(notebook, id)];
  const [head, ...rest] = cell?.getSource().split('\n') ?? [];
  if (cell && head?.startsWith('# maia: ') && metadataOf(cell)?.revision !== revision) {
    const text = [source.split('\n', 1)[0], ...rest].join('\n');
    notebook.sharedModel.transact(() => cell.setSource(text), false);
  }
}

/** Turn a code cell into a raw one of the same id, which nothing runs. */
export function makeRaw(panel: NotebookPanel, id: string): void {
  const notebook = panel.content;
  const shared = notebook.model?.sharedModel;
  const index = notebook.model ? indexOf(notebook.model, id) : -1;
  const cell = shared?.cells[index];
  if (!shared || !cell || cell.cell_type !== 'code') {
    return;
  }
  const { [KEY]: metadata } = cell.getMetadata();
  const source = cell.getSource();
  const active = notebook.activeCellIndex;
  keepingFocus(notebook, () => {
    shared.transact(() => {
      shared.deleteCell(index);
      shared.insertCell(index, { cell_type: 'raw', id, source, metadata: { [KEY]: metadata! } });
    }, false);
    notebook.activeCellIndex = active;
  });
}

/** Whether a cell runs, or is to run once the kernel comes to it. */
export function isScheduled(panel: NotebookPanel, id: string): boolean {
  const cell = panel.content.widgets.find(cell => cell.model.id === id);
  return (cell?.model as ICodeCellModel | undefined)?.executionState === 'running';
}

/** Run a cell as the notebook would; whoever types elsewhere goes on typing. */
export async function run(panel: NotebookPanel, id: string): Promise<void> {
  const notebook = panel.content;
  const index = notebook.model ? indexOf(notebook.model, id) : -1;
  const cell = notebook.widgets[index];
  if (cell?.model.type !== 'code') {
    return;
  }
  await cell.ready;
  let done: Promise<boolean> | undefined;
  keepingFocus(notebook, () => {
    done = NotebookActions.runCells(notebook, [cell as CodeCell], panel.sessionContext);
  });
  await done?.catch(() => false);
}

/** What happens next is undone by itself, not together with what the human typed a moment ago. */
function ownEdit(notebook: INotebookModel): void {
  const shared = notebook.sharedModel as { undoManager?: { stopCapturing(): void } };
  shared.undoManager?.stopCapturing();
}

/** Do something to the notebook and leave the human where she was. */
function keepingFocus(notebook: Notebook, change: () => void): void {
  const held = document.activeElement;
  const mode = notebook.mode;
  change();
  if (mode === 'edit' && notebook.mode !== 'edit') {
    notebook.mode = 'edit';
  }
  if (held instanceof HTMLElement && held.isConnected && document.activeElement !== held) {
    held.focus({ preventScroll: true });
  }
  if (notebook.node.contains(held)) {
    refocus(notebook, LOOKS);
  }
}

/** What had the focus may go with one of the next paints; then the active cell has it. */
function refocus(notebook: Notebook, looks: number): void {
  if (notebook.isDisposed) {
    return;
  }
  if (document.activeElement === document.body) {
    notebook.activeCell?.node.focus({ preventScroll: true });
  }
  if (looks > 0) {
    setTimeout(() => refocus(notebook, looks - 1), PAUSE);
  }
}
