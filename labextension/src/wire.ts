/** Every message between kernel and page: the twin of `maia_lab/notebook/wire.py`, which explains. */

export const TARGET = 'maia-lab';
export const PROTOCOL = 1;
/** Of this extension, and of the package it comes with. */
export const VERSION = '0.1.0';

export type StepState =
  | 'waiting'
  | 'approved'
  | 'running'
  | 'done'
  | 'error'
  | 'rejected'
  | 'interrupted'
  | 'scored'
  | 'accepted'
  | 'edited-after';

export type SessionPhase =
  | 'thinking'
  | 'waiting'
  | 'running'
  | 'scored'
  | 'paused'
  | 'concluded'
  | 'stopped';

// Nouns.

export interface Ticket {
  session: string;
  step: number;
  revision: number;
  sha256: string;
  epoch: string;
}

export interface Hypothesis {
  id: string;
  text: string;
  status: 'supported' | 'indicated' | 'contradicted' | 'unclear' | 'untested' | 'struck';
  speaks_for: string[];
  speaks_against: string[];
  pinned: boolean;
}

export interface Prediction {
  hypothesis: string;
  text: string;
}

export interface Flag {
  kind: 'risk' | 'method';
  text: string;
  line: number;
}

export interface CellMetadata {
  session: string;
  step?: number;
  revision?: number;
  sha?: string;
  state?: StepState;
  agent?: string;
  tokens?: number;
}

// Kernel to page.

export interface Hello {
  type: 'hello';
  protocol: number;
  version: string;
  epoch: string;
}

export interface Who {
  type: 'who';
  client: string;
}

export interface Proposal {
  type: 'proposal';
  owner: string;
  session: string;
  step: number;
  revision: number;
  epoch: string;
  kind: 'experiment' | 'conclusion';
  cell_id: string;
  after_cell_id: string | null;
  source: string;
  metadata: CellMetadata;
  agent: string;
  why: string;
  hypotheses: Hypothesis[];
  predictions: Prediction[];
  flags: Flag[];
  estimate: string;
  run: boolean;
}

export interface Step {
  type: 'step';
  session: string;
  step: number;
  revision: number;
  cell_id: string;
  state: StepState;
  words: string;
  run?: boolean;
}

export interface Answer {
  type: 'answer';
  re: string;
  ok: boolean;
  why: string;
}

export interface Markdown {
  type: 'markdown';
  owner: string;
  session: string;
  cell_id: string;
  after_cell_id: string | null;
  source: string;
}

export interface StepLine {
  step: number;
  cell_id: string;
  state: StepState;
  why: string;
  by: string;
}

export interface SessionState {
  type: 'session';
  session: string;
  unit: string;
  phase: SessionPhase;
  words: string;
  active: boolean;
  magic_cell_id: string | null;
  agent: string;
  world: string;
  policy: 'ask' | 'safe' | 'auto';
  auto_left: number;
  steps: StepLine[];
  hypotheses: Hypothesis[];
  budget: string;
}

export interface Stream {
  type: 'stream';
  session: string;
  text: string;
}

export interface State {
  type: 'state';
  epoch: string;
  version: string;
  owner: string;
  sessions: SessionState[];
  proposals: Proposal[];
  steps: Step[];
  conclusions: Markdown[];
}

export type FromKernel =
  | Hello
  | Who
  | Proposal
  | Step
  | Answer
  | Markdown
  | SessionState
  | Stream
  | State;

// Page to kernel.

export interface PageHello {
  type: 'hello';
  protocol: number;
  version: string;
  client: string;
  sessions: { [cell: string]: string };
}

export interface Present {
  type: 'present';
  client: string;
}

export interface Approve {
  type: 'approve';
  id: string;
  ticket: Ticket;
  cell_id: string;
  source: string;
  note: string;
}

export interface Reject {
  type: 'reject';
  id: string;
  ticket: Ticket;
  cell_id: string;
  note: string;
}

export interface Note {
  type: 'note';
  id: string;
  session: string;
  text: string;
}

export interface Accept {
  type: 'accept';
  id: string;
  session: string;
  step: number;
}

export interface NotYet {
  type: 'not_yet';
  id: string;
  session: string;
  step: number;
  note: string;
}

export interface Auto {
  type: 'auto';
  id: string;
  session: string;
  n: number;
}

export interface SetPolicy {
  type: 'policy';
  id: string;
  session: string;
  policy: SessionState['policy'];
}

export interface Hypothesise {
  type: 'hypothesis';
  id: string;
  session: string;
  action: 'add' | 'pin' | 'strike';
  text: string;
}

export interface Stop {
  type: 'stop';
  id: string;
  session: string;
}

export interface Pause {
  type: 'pause';
  id: string;
  session: string;
}

export interface Resume {
  type: 'resume';
  id: string;
  session: string;
}

export type FromPage =
  | PageHello
  | Present
  | Approve
  | Reject
  | Note
  | Accept
  | NotYet
  | Auto
  | SetPolicy
  | Hypothesise
  | Stop
  | Pause
  | Resume;

/** The messages that the kernel answers, without the id they are given when they are sent. */
export type Request = FromPage extends infer M
  ? M extends { id: string }
    ? Omit<M, 'id'>
    : never
  : never;
