/** What the user chose, kept up to date. */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import type { Preferences } from './desk.js';

/** Follow the settings of a plugin; without a registry the defaults stand. */
export function follow(registry: ISettingRegistry | null, plugin: string): Preferences {
  const preferences: Preferences = { autoScroll: true };
  const read = (settings: ISettingRegistry.ISettings): void => {
    preferences.autoScroll = settings.composite['autoScroll'] !== false;
    // Grids are outputs, in any notebook and without a desk: the style tells all of them at once.
    const side = Number(settings.composite['gridSize']);
    document.documentElement.style.setProperty('--maia-grid-size', `${side}px`);
  };
  registry
    ?.load(plugin)
    .then(settings => {
      read(settings);
      settings.changed.connect(read);
    })
    .catch(reason => console.error('maia-lab: its settings could not be read', reason));
  return preferences;
}
