/** A grid of images in a cell's output: they open larger, sort by activation, and show their masks. */

import type { IRenderMime } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { GRID, type Grid, isSortable, led, ordered, range, readGrid, readPicture, scale, type Tile } from './grid.js';

export class GridView extends ReactWidget implements IRenderMime.IRenderer {
  constructor(private readonly trans: TranslationBundle) {
    super();
    this.addClass('maia-Grid');
    this.node.setAttribute('role', 'group');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.grid = readGrid(model.data[GRID]);
    this.picture = this.grid ? null : readPicture(model.data);
    this.words = this.grid?.alt ?? String(model.data['text/plain'] ?? '');
    this.node.setAttribute('aria-label', this.words);
    this.update();
    await this.renderPromise;
  }

  /** Keys, before the notebook takes them for its own. */
  handleEvent(event: KeyboardEvent): void {
    const target = event.target;
    if (!(target instanceof HTMLElement) || !this.node.contains(target)) {
      return;
    }
    const { ctrlKey, metaKey, altKey, key } = event;
    const plain = !ctrlKey && !metaKey && !altKey;
    const { zoomed } = this;
    const open = zoomed !== null;
    // What is open is all there is: the notebook behind it hears nothing. A button is pressed by the
    // browser, whoever hears of the key.
    if (open || (plain && (key === 'Enter' || key === ' '))) {
      event.stopPropagation();
    }
    const walks = plain && (open || target.classList.contains('maia-Tile'));
    const columns = open ? 1 : this.columns;
    const from = zoomed ?? this.at;
    const to = walks && this.grid ? led(key, from, this.grid.tiles.length, columns) : null;
    if (to !== null) {
      event.stopPropagation();
      event.preventDefault();
      this.go(to);
    } else if (open && plain && key === 'm') {
      this.toggleMasks();
    }
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    // JupyterLab listens at the document while events come down; only the window is before it.
    window.addEventListener('keydown', this, true);
  }

  protected override onBeforeDetach(message: Message): void {
    window.removeEventListener('keydown', this, true);
    super.onBeforeDetach(message);
  }

  protected override render(): React.ReactElement {
    const { grid, trans } = this;
    if (!grid) {
      return (
        <figure className="maia-GridPicture">
          {this.picture && <img src={this.picture} alt={this.words} />}
          <figcaption>
            {trans.__('This grid cannot be opened: its data is damaged.')}{' '}
            {!this.picture && this.words}
          </figcaption>
        </figure>
      );
    }
    const order = ordered(grid, this.sorted);
    const style = { '--maia-columns': grid.columns, '--maia-scale': scale(grid) };
    const masks = grid.tiles.some(tile => tile.shade);
    const { zoomed } = this;
    return (
      <>
        {(masks || order.length > 1) && (
          <div className="maia-GridHead">
            <span className="maia-GridFacts">{this.facts(grid)}</span>
            {isSortable(grid) && (
              <Toggle on={this.sorted} label={trans.__('Sort by activation')} flip={this.toggleOrder} />
            )}
            {masks && <Toggle on={this.masked} label={trans.__('Mask')} flip={this.toggleMasks} />}
          </div>
        )}
        <ul
          className="maia-Tiles"
          data-maia-rows={grid.rows && !this.sorted}
          style={style as React.CSSProperties}
        >
          {order.map((index, at) => (
            <li key={index}>{this.renderTile(grid, index, at)}</li>
          ))}
        </ul>
        <dialog
          className="maia-Zoom"
          aria-label={trans.__('Image %1 of %2', (zoomed ?? 0) + 1, order.length)}
          ref={dialog => {
            this.dialog = dialog;
          }}
          onClick={event => event.target === this.dialog && this.dialog.close()}
          onClose={() => this.closed()}
        >
          {zoomed !== null && this.renderZoom(grid, order, zoomed)}
        </dialog>
      </>
    );
  }

  private renderTile(grid: Grid, index: number, at: number): React.ReactElement {
    const tile = grid.tiles[index]!;
    const words = [
      this.trans.__('Image %1 of %2', index + 1, grid.tiles.length),
      tile.label && this.trans.__('activation %1', tile.label),
      tile.caption
    ];
    return (
      <button
        className="maia-Tile"
        tabIndex={at === this.at ? 0 : -1}
        aria-label={words.filter(Boolean).join(', ')}
        title={tile.caption || undefined}
        onFocus={() => this.stay(at)}
        onClick={() => this.open(at)}
      >
        <Picture
          tile={tile}
          masked={this.masked}
          style={{ width: `${Math.min(1, tile.width / tile.height) * 100}%` }}
        />
        <span>
          <Bar share={tile.share} />
          {tile.label && <span className="maia-TileValue">{tile.label}</span>}
          {tile.caption && (
            <span className="maia-TileCaption" dir="auto">
              {tile.caption}
            </span>
          )}
        </span>
      </button>
    );
  }

  private renderZoom(grid: Grid, order: readonly number[], at: number): React.ReactElement {
    const { trans } = this;
    const tile = grid.tiles[order[at]!]!;
    const last = order.length - 1;
    const tall = tile.height / tile.width;
    const width = `min(86vw, ${70 / tall}vh, 720px, ${tile.width * 4}px)`;
    return (
      <div className="maia-ZoomFrame">
        <div className="maia-GridHead">
          <span className="maia-GridFacts" role="status">
            {trans.__('%1 of %2', at + 1, order.length)}
            {tile.label && ` · ${trans.__('activation %1', tile.label)}`}
          </span>
          {tile.shade && <Toggle on={this.masked} label={trans.__('Mask')} flip={this.toggleMasks} />}
          {last > 0 && (
            <>
              <Press label={trans.__('Previous')} sign="‹" press={() => this.go(Math.max(0, at - 1))} />
              <Press label={trans.__('Next')} sign="›" press={() => this.go(Math.min(last, at + 1))} />
            </>
          )}
          <Press label={trans.__('Close')} sign="✕" press={() => this.dialog?.close()} />
        </div>
        <Picture tile={tile} masked={this.masked} style={{ width }} />
        <Bar share={tile.share} />
        {tile.caption && (
          <p className="maia-ZoomCaption" dir="auto">
            {tile.caption}
          </p>
        )}
      </div>
    );
  }

  private facts(grid: Grid): string {
    const { trans } = this;
    const ends = range(grid);
    const count = trans._n('%1 image', '%1 images', grid.tiles.length);
    return ends ? `${count} · ${trans.__('activation %1 to %2', ...ends)}` : count;
  }

  private open(at: number): void {
    this.zoomed = at;
    this.update();
    void this.renderPromise?.then(() => this.dialog?.open || this.dialog?.showModal());
  }

  /** Nothing is open any more; the keyboard is where the image lies that was open last. */
  private closed(): void {
    const last = this.zoomed ?? this.at;
    this.zoomed = null;
    this.update();
    this.tileAt(last)?.focus({ preventScroll: true });
  }

  /** Go to a place: the open image changes, or the focus moves. */
  private go(at: number): void {
    if (this.zoomed === null) {
      this.tileAt(at)?.focus();
    } else {
      this.zoomed = at;
      this.update();
    }
  }

  /** Be where the keyboard comes back to. */
  private stay(at: number): void {
    if (at !== this.at) {
      this.at = at;
      this.update();
    }
  }

  private readonly toggleOrder = (): void => {
    this.sorted = !this.sorted;
    this.at = 0;
    this.update();
  };

  private readonly toggleMasks = (): void => {
    this.masked = !this.masked;
    this.update();
  };

  private tileAt(at: number): HTMLElement | null {
    return this.node.querySelectorAll<HTMLElement>('.maia-Tile')[at] ?? null;
  }

  /** How many columns there are on the screen. */
  private get columns(): number {
    const list = this.node.querySelector('.maia-Tiles');
    return list ? getComputedStyle(list).gridTemplateColumns.split(' ').length : 1;
  }

  private grid: Grid | null = null;
  private picture: string | null = null;
  private words = '';
  private dialog: HTMLDialogElement | null = null;
  private sorted = false;
  private masked = true;
  /** The place that has the keyboard, among the tiles as they are ordered. */
  private at = 0;
  /** The place whose image is open; null: none is. */
  private zoomed: number | null = null;
}

function Picture(props: { tile: Tile; masked: boolean; style: React.CSSProperties }) {
  const { tile, masked, style } = props;
  return (
    <span className="maia-Picture" style={{ ...style, aspectRatio: `${tile.width} / ${tile.height}` }}>
      <img src={tile.image} alt="" draggable={false} />
      {tile.shade && (
        <img className="maia-Shade" src={tile.shade} alt="" draggable={false} data-maia-on={masked} />
      )}
    </span>
  );
}

function Bar(props: { share: number | null }) {
  return props.share === null ? null : (
    <span className="maia-Bar">
      <span style={{ width: `${props.share * 100}%` }} />
    </span>
  );
}

function Toggle(props: { on: boolean; label: string; flip: () => void }) {
  return (
    <button className="maia-Toggle" aria-pressed={props.on} onClick={props.flip}>
      {props.label}
    </button>
  );
}

function Press(props: { label: string; sign: string; press: () => void }) {
  return (
    <button className="maia-Toggle" aria-label={props.label} title={props.label} onClick={props.press}>
      {props.sign}
    </button>
  );
}
