/** What the palette, the keyboard and other extensions can ask for. */

import type { ICommandPalette } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { footerOf } from './decorator.js';
import { maiaIcon } from './icons.js';
import { goesOn } from './model.js';
import type { IDesks } from './tokens.js';

const NO_ARGUMENTS = { args: { type: 'object', properties: {}, additionalProperties: false } };

/** Register every command; they act on the notebook used last and its active cell. */
export function addCommands(
  registry: CommandRegistry,
  desks: IDesks,
  tracker: INotebookTracker,
  palette: ICommandPalette | null,
  trans: TranslationBundle
): void {
  const category = trans.__('maia');
  const add = (
    id: string,
    label: string,
    isEnabled: () => boolean,
    execute: () => unknown
  ): void => {
    const describedBy = NO_ARGUMENTS;
    registry.addCommand(id, { label, icon: maiaIcon, isEnabled, execute, describedBy });
    palette?.addItem({ command: id, category });
  };
  const footer = () => footerOf(tracker.currentWidget?.content.activeCell);
  const state = () => footer()?.card?.state;
  const session = () => desks.current?.model.active;

  add(
    'maia:approve',
    trans.__('Approve and Run the Proposed Cell'),
    () => state() === 'waiting',
    async () => {
      const { current } = desks;
      const notebook = tracker.currentWidget?.content;
      const strip = footer();
      if (current && notebook && strip) {
        notebook.mode = 'command';
        current.advancing = notebook.activeCell?.model.id ?? null;
        await strip.approve();
      }
    }
  );
  add(
    'maia:reject',
    trans.__('Reject the Proposed Cell…'),
    () => state() === 'waiting',
    () => footer()?.askReason()
  );
  add(
    'maia:accept',
    trans.__('Accept the Conclusion'),
    () => state() === 'scored',
    () => footer()?.accept()
  );
  add(
    'maia:not-yet',
    trans.__('Send the Conclusion Back…'),
    () => state() === 'scored',
    () => footer()?.askReason()
  );
  add(
    'maia:show',
    trans.__('Go to the Proposal'),
    () => Boolean(desks.current?.model.waiting),
    () => desks.current?.show()
  );
  add(
    'maia:stop',
    trans.__('Stop the Session and What Runs'),
    () => {
      const active = session();
      return Boolean(active && goesOn(active));
    },
    () => desks.current?.stop()
  );
  desks.changed.connect(() => registry.notifyCommandChanged());
}

/** Register the command that brings the side panel forward. */
export function addPanelCommand(
  registry: CommandRegistry,
  execute: () => void,
  palette: ICommandPalette | null,
  trans: TranslationBundle
): void {
  const label = trans.__('Show Hypotheses and Steps');
  registry.addCommand('maia:panel', { label, icon: maiaIcon, execute, describedBy: NO_ARGUMENTS });
  palette?.addItem({ command: 'maia:panel', category: trans.__('maia') });
}
