/** Gives every cell that belongs to a session its strip, again and again without doubling it. */

import type { Cell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';
import type { PanelLayout, Widget } from '@lumino/widgets';

import { metadataOf } from './cells.js';
import type { Desk } from './desk.js';
import { Footer } from './footer.js';
import { Strip } from './strip.js';

/** The strips there are, by their cells: a cell that was undone and redone is another cell. */
const strips = new WeakMap<Cell, Widget>();

/** The footer of a cell; null: it is no step's cell. */
export function footerOf(cell: Cell | null | undefined): Footer | null {
  const strip = cell && strips.get(cell);
  return strip instanceof Footer && strip.card ? strip : null;
}

export class Decorator implements IDisposable {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly desk: Desk
  ) {
    desk.changed.connect(this.scanSoon, this);
    panel.content.modelContentChanged.connect(this.scanSoon, this);
    void panel.context.ready.then(() => this.scanSoon());
    panel.content.node.addEventListener('click', this.follow);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    this.panel.content.node.removeEventListener('click', this.follow);
    Signal.clearData(this);
  }

  /** Go where a link to a cell leads: JupyterLab understands such links when it opens a file only. */
  private readonly follow = (event: MouseEvent): void => {
    const link = event.target instanceof Element ? event.target.closest('a[href^="#cell-id="]') : null;
    if (link) {
      event.preventDefault();
      this.desk.reveal(link.getAttribute('href')!.slice('#cell-id='.length), true);
    }
  };

  /** Look at all cells, once a frame at most. */
  private scanSoon(): void {
    if (!this.scheduled) {
      this.scheduled = true;
      requestAnimationFrame(() => {
        this.scheduled = false;
        if (!this._isDisposed && !this.panel.isDisposed) {
          this.panel.content.widgets.forEach(cell => this.decorate(cell));
        }
      });
    }
  }

  private decorate(cell: Cell): void {
    const metadata = metadataOf(cell.model);
    if (!metadata || strips.has(cell) || (metadata.step === undefined && cell.model.type !== 'code')) {
      return;
    }
    const strip =
      metadata.step === undefined ? new Strip(cell, this.desk) : new Footer(cell, this.desk);
    strips.set(cell, strip);
    // A click in it is no selection of cells.
    strip.node.addEventListener('mousedown', event => event.stopPropagation());
    cell.disposed.connect(() => strip.dispose());
    void cell.ready.then(() => {
      if (!cell.isDisposed) {
        const layout = cell.layout as PanelLayout;
        const input = layout.widgets.findIndex(item => item.hasClass('jp-Cell-inputWrapper'));
        layout.insertWidget(input + 1, strip);
      }
    });
  }

  private scheduled = false;
  private _isDisposed = false;
}
