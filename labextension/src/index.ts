/** The plugins of maia-lab, each one small. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Aloud } from './aloud.js';
import { addCommands, addPanelCommand } from './commands.js';
import { Desks } from './desks.js';
import { GRID } from './grid.js';
import { GridView } from './gridview.js';
import { SidePanel } from './panel.js';
import { follow } from './settings.js';
import { StatusLine } from './status.js';
import { IDesks } from './tokens.js';

const DOMAIN = 'maia_lab';

const desks: JupyterFrontEndPlugin<IDesks> = {
  id: 'maia-lab:plugin',
  description: 'Turns what the agent proposes into cells that wait for approval.',
  autoStart: true,
  provides: IDesks,
  requires: [INotebookTracker],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    _: JupyterFrontEnd,
    tracker: INotebookTracker,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const all = new Desks(tracker, follow(settings, 'maia-lab:plugin'), trans);
    const aloud = new Aloud();
    all.announced.connect((_, words) => aloud.say(words));
    return all;
  }
};

const commands: JupyterFrontEndPlugin<void> = {
  id: 'maia-lab:commands',
  description: 'Adds the commands to approve, reject, accept and stop.',
  autoStart: true,
  requires: [IDesks, INotebookTracker],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    all: IDesks,
    tracker: INotebookTracker,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    addCommands(app.commands, all, tracker, palette, trans);
  }
};

const status: JupyterFrontEndPlugin<void> = {
  id: 'maia-lab:status',
  description: 'Shows the session of the current notebook in the status bar.',
  autoStart: true,
  requires: [IDesks, IStatusBar],
  optional: [ITranslator],
  activate: (
    _: JupyterFrontEnd,
    all: IDesks,
    bar: IStatusBar,
    translator: ITranslator | null
  ) => {
    const item = new StatusLine(all, (translator ?? nullTranslator).load(DOMAIN));
    bar.registerStatusItem('maia-lab:status', {
      item,
      align: 'left',
      rank: 3,
      isActive: () => item.isActive,
      activeStateChanged: all.changed
    });
  }
};

const panel: JupyterFrontEndPlugin<void> = {
  id: 'maia-lab:panel',
  description: 'Shows hypotheses and steps beside the notebook.',
  autoStart: true,
  requires: [IDesks],
  optional: [ICommandPalette, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    all: IDesks,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const side = new SidePanel(all, trans);
    app.shell.add(side, 'right', { rank: 900 });
    restorer?.add(side, side.id);
    addPanelCommand(app.commands, () => app.shell.activateById(side.id), palette, trans);
  }
};

const grids: JupyterFrontEndPlugin<void> = {
  id: 'maia-lab:grids',
  description: 'Shows grids of images that open, sort and show their masks.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ITranslator],
  activate: (
    _: JupyterFrontEnd,
    registry: IRenderMimeRegistry,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    // Before the picture and the words of the same output, which all other readers show.
    registry.addFactory(
      { safe: true, mimeTypes: [GRID], createRenderer: () => new GridView(trans) },
      0
    );
  }
};

export default [desks, commands, status, panel, grids];
