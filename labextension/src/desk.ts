/** What a human can do to the sessions of one notebook, and what the kernel asks of its cells. */

import { Notification } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { type Notebook, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import * as cells from './cells.js';
import { Connection } from './connection.js';
import { type Card, Model } from './model.js';
import { sha256 } from './sha256.js';
import {
  type Answer,
  type FromKernel,
  type FromPage,
  type Hello,
  type Markdown,
  PROTOCOL,
  type Proposal,
  type Request,
  type Step,
  VERSION
} from './wire.js';

/** What a package says that runs from its sources, which the page then came with. */
const UNINSTALLED = '0.0.0';

/** Milliseconds in which a cell that was scrolled to has its strip and its outputs drawn. */
const SETTLED = 1500;

/** What the user chose in the settings. */
export interface Preferences {
  autoScroll: boolean;
}

export class Desk implements IDisposable {
  constructor(
    panel: NotebookPanel,
    private readonly preferences: Preferences,
    readonly trans: TranslationBundle
  ) {
    this.panels = [panel];
    this.connection = new Connection(panel.sessionContext, () => this.greeting());
    this.connection.received.connect((_, message) => this.receive(message));
    this.connection.changed.connect((_, connected) => this.onConnection(connected));
    // What is inserted into a notebook before it is read from disk would be lost.
    void panel.context.ready.then(() => this.connection.start());
  }

  readonly model = new Model();

  /** The views of the notebook, the one used last at the end. */
  readonly panels: NotebookPanel[];

  get panel(): NotebookPanel {
    return this.panels[this.panels.length - 1]!;
  }

  /** Something that is shown has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Something happened that is worth saying aloud. */
  get announced(): ISignal<this, string> {
    return this._announced;
  }

  /** Whether a kernel with maia_lab loaded is there. */
  get connected(): boolean {
    return this.connection.connected;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Whether a verdict on this cell was sent and not yet answered. */
  isPending(cell: string): boolean {
    return this.pending.has(cell);
  }

  /** Whether an approved cell does not run: a kernel drops what was sent behind a cell that fails. */
  isDropped(cell: string): boolean {
    const approved = this.cardOf(cell)?.state === 'approved' && !this.isPending(cell);
    return approved && this.owns && !cells.isScheduled(this.panel, cell);
  }

  /** What a cell's footer shows; null: it is no step's cell. */
  cardOf(cell: string): Card | null {
    const found = this.notebook.sharedModel.cells[cells.indexOf(this.notebook, cell)];
    const metadata = found ? cells.metadataOf(found) : null;
    const card = metadata ? this.model.card(metadata) : null;
    // A pasted copy has the metadata and not the id: it is a cell like any other.
    return card && (card.cell === null || card.cell === cell) ? card : null;
  }

  /** Run this cell's text as the open step; say in words why not. */
  approve(cell: string, note = ''): Promise<string> {
    return this.decide(cell, async offer => {
      const source = cells.textOf(this.notebook, cell) ?? '';
      const ticket = this.ticket(offer, source);
      const answer = await this.ask({ type: 'approve', ticket, cell_id: cell, source, note });
      if (answer.ok) {
        // Not awaited: the verdict is given, however long the cell runs.
        void cells.run(this.panel, cell);
      }
      return answer;
    });
  }

  /** Run a cell that was approved and dropped. */
  run(cell: string): void {
    void cells.run(this.panel, cell);
  }

  /** Do not run this cell; the agent is told why. */
  reject(cell: string, note: string): Promise<string> {
    return this.decide(cell, async offer => {
      const ticket = this.ticket(offer, cells.textOf(this.notebook, cell) ?? '');
      const answer = await this.ask({ type: 'reject', ticket, cell_id: cell, note });
      if (answer.ok) {
        cells.makeRaw(this.panel, cell);
      }
      return answer;
    });
  }

  /** Put the agent's own text back. */
  restore(cell: string): void {
    const offer = this.offerOf(cell);
    if (offer) {
      cells.rewrite(this.notebook, cell, offer.source);
    }
  }

  /** Any other request, one at a time about a cell; say in words why it was refused. */
  async request(message: Request, cell?: string): Promise<string> {
    if (cell !== undefined) {
      return this.once(cell, () => this.ask(message));
    }
    const answer = await this.ask(message);
    return answer.ok ? '' : answer.why;
  }

  /** Interrupt what runs, and end the active session. */
  async stop(): Promise<string> {
    const session = this.model.active?.session;
    await this.panel.sessionContext.session?.kernel?.interrupt();
    return session === undefined ? '' : this.request({ type: 'stop', session });
  }

  /** Go to the open proposal, which is put back if its cell was deleted. */
  show(): void {
    const offer = this.model.waiting;
    if (offer) {
      this.insert(offer);
      this.reveal(offer.cell_id, true);
    }
  }

  /** Bring a cell into view; `activate`: and go there. */
  reveal(cell: string, activate: boolean): void {
    const notebook = this.panel.content;
    const index = cells.indexOf(this.notebook, cell);
    if (index < 0) {
      return;
    }
    if (activate) {
      notebook.deselectAll();
      notebook.activeCellIndex = index;
      notebook.mode = 'command';
    }
    // Not scrollToCell, which takes the focus along.
    void notebook
      .scrollToItem(index, 'smart')
      .catch(() => undefined)
      .then(() => (activate ? NotebookActions.focusActiveCell(notebook) : undefined))
      .then(() => notebook.widgets[index]?.ready)
      .then(() => showWhole(notebook.widgets[index], notebook));
  }

  /** Whether the text of an open proposal is no longer the agent's; its two versions if so. */
  edited(cell: string): { before: string; after: string } | null {
    const before = this.offerOf(cell)?.source;
    const after = cells.textOf(this.notebook, cell);
    return before === undefined || after === null || before === after ? null : { before, after };
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this.connection.dispose();
      this.giveUp();
      Signal.clearData(this);
    }
  }

  private get notebook() {
    return this.panel.context.model;
  }

  private get client(): string {
    return this.panel.sessionContext.session?.kernel?.clientId ?? '';
  }

  /** Whether this page is the one that changes the notebook. */
  private get owns(): boolean {
    return this.model.owner !== '' && this.model.owner === this.client;
  }

  private greeting(): FromPage {
    return {
      type: 'hello',
      protocol: PROTOCOL,
      version: VERSION,
      client: this.client,
      sessions: cells.begun(this.notebook)
    };
  }

  private onConnection(connected: boolean): void {
    if (!connected) {
      this.giveUp();
      this.model.forget();
    }
    this._changed.emit();
  }

  private receive(message: FromKernel): void {
    this.model.apply(message);
    switch (message.type) {
      case 'hello':
        this.compare(message);
        break;
      case 'who':
        if (message.client === this.client) {
          this.connection.send({ type: 'present', client: this.client });
        }
        break;
      case 'answer':
        this.answers.get(message.re)?.(message);
        break;
      case 'proposal':
        this.offered(message);
        break;
      case 'step':
        this.stepped(message);
        break;
      case 'markdown':
        this.concluded(message);
        break;
      case 'session':
        this.began(message.magic_cell_id, message.session);
        break;
      case 'state':
        message.sessions.forEach(item => this.began(item.magic_cell_id, item.session));
        message.proposals.forEach(proposal => this.offered(proposal));
        message.conclusions.filter(item => this.missed(item, message.steps)).forEach(item => this.concluded(item));
        message.steps.forEach(step => this.stepped(step));
        break;
      case 'stream':
        break;
    }
    this._changed.emit();
  }

  private compare({ protocol, version }: Hello): void {
    if (protocol === PROTOCOL && [VERSION, UNINSTALLED].includes(version)) {
      return;
    }
    const warning = this.trans.__(
      'The kernel has maia_lab %1, this page has maia-lab %2. Install the same version for both, then reload.',
      version,
      VERSION
    );
    Notification.warning(warning, { autoClose: false });
  }

  private offered(proposal: Proposal): void {
    if (!this.owns) {
      return;
    }
    const notebook = this.panel.content;
    const follows =
      this.advancing && notebook.mode === 'command' && notebook.activeCell?.model.id === this.advancing;
    const { cell_id: id, revision, source } = proposal;
    this.insert(proposal);
    cells.renumber(this.notebook, id, revision, source);
    cells.mark(this.notebook, id, proposal.metadata);
    if (follows) {
      this.reveal(proposal.cell_id, true);
    } else {
      this.follow(proposal.cell_id);
    }
    if (proposal.run) {
      void cells.run(this.panel, proposal.cell_id);
    } else {
      this._announced.emit(this.trans.__('Step %1 is proposed: %2', proposal.step, proposal.why));
    }
  }

  private insert(proposal: Proposal): void {
    const { cell_id: id, source, metadata, after_cell_id } = proposal;
    cells.insert(this.panel, { cell_type: 'code', id, source, metadata }, after_cell_id);
  }

  private stepped(step: Step): void {
    const index = cells.indexOf(this.notebook, step.cell_id);
    const cell = this.notebook.sharedModel.cells[index];
    if (!this.owns || !cell) {
      return;
    }
    const { session, step: number, revision, state } = step;
    const known = cells.metadataOf(cell) ?? { session };
    cells.mark(this.notebook, step.cell_id, { ...known, session, step: number, revision, state });
    if (state === 'rejected') {
      cells.makeRaw(this.panel, step.cell_id);
    } else if (state === 'approved' && step.run) {
      void cells.run(this.panel, step.cell_id);
    } else if (state === 'scored' && known.state !== state) {
      this.follow(step.cell_id);
    }
  }

  /** Bring what happens into view, unless somebody types or does not want it. */
  private follow(cell: string): void {
    if (this.preferences.autoScroll && this.panel.content.mode === 'command') {
      this.reveal(cell, false);
    }
  }

  /** Whether the notebook does not know yet that a conclusion was accepted. */
  private missed({ session }: Markdown, steps: readonly Step[]): boolean {
    const step = steps.find(item => item.session === session && item.state === 'accepted');
    const cell = this.notebook.sharedModel.cells[cells.indexOf(this.notebook, step?.cell_id ?? null)];
    return cell !== undefined && cells.metadataOf(cell)?.state !== 'accepted';
  }

  private concluded(message: Markdown): void {
    if (!this.owns) {
      return;
    }
    const { cell_id: id, session, source, after_cell_id } = message;
    if (cells.indexOf(this.notebook, id) >= 0) {
      cells.rewrite(this.notebook, id, source);
    } else {
      const cell: cells.NewCell = { cell_type: 'markdown', id, source, metadata: { session } };
      cells.insert(this.panel, cell, after_cell_id);
    }
    this.reveal(id, false);
    this._announced.emit(this.trans.__('The conclusion of %1 is in the notebook.', session));
  }

  /** Write the session's name into the cell of the magic that began it. */
  private began(cell: string | null, session: string): void {
    if (this.owns && cell !== null) {
      cells.mark(this.notebook, cell, { session });
    }
  }

  /** Give a verdict on a cell's open proposal. */
  private async decide(
    cell: string,
    send: (offer: Proposal) => Promise<Answer>
  ): Promise<string> {
    const offer = this.offerOf(cell);
    if (this.cardOf(cell)?.paused) {
      return this.trans.__('The session is paused. Resume it first.');
    }
    if (!offer) {
      return this.connected
        ? this.trans.__('This step is not open. Run %maia status to see what is.')
        : this.trans.__('The kernel does not know this step. Run %load_ext maia_lab, then the %maia cell above.');
    }
    return this.once(cell, () => send(offer));
  }

  private async once(cell: string, send: () => Promise<Answer>): Promise<string> {
    if (this.pending.has(cell)) {
      return '';
    }
    this.pending.add(cell);
    this._changed.emit();
    try {
      const answer = await send();
      return answer.ok ? '' : answer.why;
    } finally {
      this.pending.delete(cell);
      this._changed.emit();
    }
  }

  private offerOf(cell: string): Proposal | null {
    return this.cardOf(cell)?.offer ?? null;
  }

  private ticket(offer: Proposal, source: string) {
    const { session, step, revision, epoch } = offer;
    return { session, step, revision, epoch, sha256: sha256(source) };
  }

  private ask(message: Request): Promise<Answer> {
    const id = `${this.client}-${++this.asked}`;
    return new Promise(resolve => {
      this.answers.set(id, answer => {
        this.answers.delete(id);
        resolve(answer);
      });
      if (!this.connection.send({ ...message, id } as FromPage)) {
        this.giveUp();
      }
    });
  }

  /** Nobody will answer any more. */
  private giveUp(): void {
    const why = this.trans.__('The kernel is gone. Run the %maia cell again to go on.');
    [...this.answers].forEach(([re, answer]) => answer({ type: 'answer', re, ok: false, why }));
  }

  /** The cell whose human, having run it with Shift-Enter, wants to be taken to the next. */
  advancing: string | null = null;
  private asked = 0;
  private _isDisposed = false;
  private readonly connection: Connection;
  private readonly answers = new Map<string, (answer: Answer) => void>();
  private readonly pending = new Set<string>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _announced = new Signal<this, string>(this);
}

/** Scroll on to a cell's strip and outputs as they come, as long as the whole cell fits. */
function showWhole(cell: Cell | undefined, notebook: Notebook): void {
  if (!cell) {
    return;
  }
  const grown = new ResizeObserver(() => {
    if (cell.node.offsetHeight <= notebook.outerNode.clientHeight) {
      cell.node.scrollIntoView({ block: 'nearest' });
    }
  });
  grown.observe(cell.node);
  setTimeout(() => grown.disconnect(), SETTLED);
}
