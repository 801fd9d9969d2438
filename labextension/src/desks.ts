/** A desk for every open notebook, however many views it has. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';

import { Decorator } from './decorator.js';
import { Desk, type Preferences } from './desk.js';
import type { IDesks } from './tokens.js';

export class Desks implements IDesks {
  constructor(
    private readonly tracker: INotebookTracker,
    private readonly preferences: Preferences,
    private readonly trans: TranslationBundle
  ) {
    tracker.forEach(panel => this.add(panel));
    tracker.widgetAdded.connect((_, panel) => this.add(panel));
    tracker.currentChanged.connect((_, panel) => {
      if (panel) {
        this.bringForward(panel);
      }
      this._changed.emit();
    });
  }

  get current(): Desk | null {
    return this.tracker.currentWidget && this.of(this.tracker.currentWidget);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What a desk finds worth saying aloud. */
  get announced(): ISignal<this, string> {
    return this._announced;
  }

  of(panel: NotebookPanel): Desk | null {
    return this.desks.find(desk => desk.panels.includes(panel)) ?? null;
  }

  private add(panel: NotebookPanel): void {
    const decorator = new Decorator(panel, this.join(panel));
    panel.disposed.connect(() => {
      decorator.dispose();
      this.leave(panel);
    });
  }

  /** The desk of the panel's notebook: a second view of a notebook shares the first one's. */
  private join(panel: NotebookPanel): Desk {
    const shared = this.desks.find(desk => desk.panel.context === panel.context);
    if (shared) {
      shared.panels.push(panel);
      return shared;
    }
    const desk = new Desk(panel, this.preferences, this.trans);
    desk.changed.connect(() => {
      if (desk === this.current) {
        this._changed.emit();
      }
    });
    desk.announced.connect((_, words) => this._announced.emit(words));
    this.desks.push(desk);
    return desk;
  }

  private leave(panel: NotebookPanel): void {
    const desk = this.of(panel);
    if (desk && desk.panels.length > 1) {
      desk.panels.splice(desk.panels.indexOf(panel), 1);
    } else if (desk) {
      this.desks.splice(this.desks.indexOf(desk), 1);
      desk.dispose();
    }
  }

  private bringForward(panel: NotebookPanel): void {
    const desk = this.of(panel);
    if (desk) {
      desk.panels.splice(desk.panels.indexOf(panel), 1);
      desk.panels.push(panel);
    }
  }

  private readonly desks: Desk[] = [];
  private readonly _changed = new Signal<this, void>(this);
  private readonly _announced = new Signal<this, string>(this);
}
