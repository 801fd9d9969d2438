/** What the page knows of its notebook's sessions, told by the kernel; no DOM. */

import type {
  CellMetadata,
  Flag,
  FromKernel,
  Hypothesis,
  Prediction,
  Proposal,
  SessionState,
  Step,
  StepState
} from './wire.js';

/** A step as its footer shows it. */
export interface Card {
  readonly session: string;
  readonly step: number;
  /** The cell that is this step; null: only the saved notebook speaks of it. */
  readonly cell: string | null;
  readonly state: StepState;
  readonly kind: Proposal['kind'];
  readonly agent: string;
  /** What became of it, in one line. */
  readonly words: string;
  readonly why: string;
  readonly hypotheses: readonly Hypothesis[];
  readonly predictions: readonly Prediction[];
  readonly flags: readonly Flag[];
  readonly estimate: string;
  /** The offer, while it can be decided here and now. */
  readonly offer: Proposal | null;
  /** Whether what waits for the human waits because its session is paused. */
  readonly paused: boolean;
  /** It is the last step of its session, and the agent is at work on the next. */
  readonly thinking: boolean;
}

/** Whether a session still goes on. */
export function goesOn(session: SessionState): boolean {
  return session.phase !== 'concluded' && session.phase !== 'stopped';
}

export class Model {
  /** The client id of the page that inserts and runs cells. */
  owner = '';
  readonly sessions = new Map<string, SessionState>();
  /** What each agent is writing at this moment. */
  readonly streams = new Map<string, string>();

  /** Take in what the kernel says. */
  apply(message: FromKernel): void {
    switch (message.type) {
      case 'state':
        this.forget();
        message.sessions.forEach(session => this.apply(session));
        message.proposals.forEach(proposal => this.apply(proposal));
        message.steps.forEach(step => this.apply(step));
        this.owner = message.owner;
        break;
      case 'session':
        this.sessions.set(message.session, message);
        if (message.phase !== 'thinking') {
          this.streams.delete(message.session);
        }
        break;
      case 'proposal':
        this.owner = message.owner;
        this.proposals.set(name(message), message);
        this.steps.set(name(message), offered(message));
        this.streams.delete(message.session);
        break;
      case 'step':
        if (!this.isStale(message)) {
          this.steps.set(name(message), message);
        }
        break;
      case 'markdown':
        this.owner = message.owner;
        break;
      case 'stream':
        this.streams.set(message.session, message.text);
        break;
      default:
        break;
    }
  }

  /** Know nothing any more: the kernel is gone. */
  forget(): void {
    this.owner = '';
    this.sessions.clear();
    this.streams.clear();
    this.proposals.clear();
    this.steps.clear();
  }

  /** The session that goes on in this notebook, or the last one that did. */
  get active(): SessionState | null {
    const all = [...this.sessions.values()];
    return all.find(session => session.active) ?? all[all.length - 1] ?? null;
  }

  /** The offer that waits for a verdict in the active session. */
  get waiting(): Proposal | null {
    for (const proposal of this.proposals.values()) {
      if (this.steps.get(name(proposal))?.state === 'waiting') {
        if (this.sessions.get(proposal.session)?.active ?? true) {
          return proposal;
        }
      }
    }
    return null;
  }

  /** The last word on a step; null: the kernel said none. */
  step(session: string, step: number): Step | null {
    return this.steps.get(name({ session, step })) ?? null;
  }

  /** What a footer shows of the step that a cell's metadata names; null: it names none. */
  card(metadata: CellMetadata): Card | null {
    const { session, step } = metadata;
    if (step === undefined) {
      return null;
    }
    const about = this.sessions.get(session);
    const proposal = this.proposals.get(name({ session, step }));
    const said = this.step(session, step);
    const line = about?.steps.find(item => item.step === step);
    const state = said?.state ?? line?.state ?? metadata.state ?? 'waiting';
    const waits = state === 'waiting' || state === 'scored';
    const paused = waits && about?.phase === 'paused';
    const last = about?.steps[about.steps.length - 1]?.step ?? step;
    return {
      session,
      step,
      cell: proposal?.cell_id ?? said?.cell_id ?? line?.cell_id ?? null,
      state,
      kind: proposal?.kind ?? (state === 'scored' || state === 'accepted' ? 'conclusion' : 'experiment'),
      agent: proposal?.agent ?? line?.by ?? metadata.agent ?? '',
      words: said?.words ?? '',
      why: proposal?.why ?? line?.why ?? '',
      hypotheses: about?.hypotheses ?? proposal?.hypotheses ?? [],
      predictions: proposal?.predictions ?? [],
      flags: proposal?.flags ?? [],
      estimate: proposal?.estimate ?? '',
      offer: state === 'waiting' && !paused ? (proposal ?? null) : null,
      paused,
      thinking: about?.phase === 'thinking' && step === last
    };
  }

  /** Whether something newer is known of the step. */
  private isStale(message: Step): boolean {
    const known = this.steps.get(name(message));
    return known !== undefined && known.revision > message.revision;
  }

  private readonly proposals = new Map<string, Proposal>();
  private readonly steps = new Map<string, Step>();
}

function name(of: { session: string; step: number }): string {
  return `${of.session}/${of.step}`;
}

function offered(proposal: Proposal): Step {
  const { session, step, revision, cell_id } = proposal;
  const state = proposal.run ? 'approved' : 'waiting';
  return { type: 'step', session, step, revision, cell_id, state, words: '' };
}
