/** One small drawing for each state, in the colours of the theme. */

import { LabIcon } from '@jupyterlab/ui-components';

import type { StepState } from './wire.js';

function icon(name: string, drawing: string): LabIcon {
  const svgstr =
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">' +
    `<g class="maia-Icon" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">${drawing}</g></svg>`;
  return new LabIcon({ name: `maia-lab:${name}`, svgstr });
}

const RING = '<circle cx="8" cy="8" r="6"/>';

/** The product's own: what an eye sees, under examination. */
export const maiaIcon = icon(
  'maia',
  '<path d="M1.2 8C3 4.6 5.3 3 8 3s5 1.6 6.8 5C13 11.4 10.7 13 8 13S3 11.4 1.2 8z"/><path d="M5.9 10V6l2.1 2.4L10.1 6v4"/>'
);

export const stateIcons: Readonly<Record<StepState, LabIcon>> = {
  waiting: icon('waiting', `${RING}<path d="M6.4 5.6v4.8M9.6 5.6v4.8"/>`),
  approved: icon('approved', `${RING}<path d="M8 4.6V8l2.2 1.6"/>`),
  running: icon('running', '<path class="maia-Turning" d="M8 2a6 6 0 1 1-5.2 3"/>'),
  done: icon('done', `${RING}<path d="M5.2 8.2l2 2 3.6-4.2"/>`),
  error: icon('error', '<path d="M8 1.8l6.4 11.6H1.6z"/><path d="M8 6.2v3.2M8 11.4v.1"/>'),
  rejected: icon('rejected', `${RING}<path d="M4 12L12 4"/>`),
  interrupted: icon('interrupted', `${RING}<path d="M6 6h4v4H6z"/>`),
  scored: icon('scored', '<path d="M2 13.5h12M4 11V8M8 11V3M12 11V6"/>'),
  accepted: icon('accepted', '<path d="M1.6 8.6l3.2 3.2L11 4.4M7.6 11l.8.8 6-7.4"/>'),
  'edited-after': icon('edited-after', '<path d="M3 13l.7-3L11 2.7 13.3 5 6 12.3z"/>')
};

export const thinkingIcon = icon(
  'thinking',
  '<path class="maia-Dot" d="M3.4 8v.1"/><path class="maia-Dot" d="M8 8v.1"/><path class="maia-Dot" d="M12.6 8v.1"/>'
);
