/** The strip below a step's code: what it tests, what it is at, and what one can do about it. */

import type { Cell } from '@jupyterlab/cells';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { Refusal } from './controls.js';
import type { Desk } from './desk.js';
import { diff, folded } from './diff.js';
import { stateIcons, thinkingIcon } from './icons.js';
import type { Card } from './model.js';
import { stateWords, statusWords } from './words.js';

/** Which form is open: reasons are asked for where they arise. */
type Form = 'none' | 'reason';

export class Footer extends ReactWidget {
  constructor(
    private readonly cell: Cell,
    private readonly desk: Desk
  ) {
    super();
    this.of = cell.model.id;
    this.addClass('maia-Footer');
    this.node.setAttribute('role', 'group');
    desk.changed.connect(this.refresh, this);
    cell.model.contentChanged.connect(this.refresh, this);
    cell.model.stateChanged.connect(this.refresh, this);
    this.refresh();
  }

  /** What the cell's metadata and the kernel say of its step. */
  get card(): Card | null {
    return this.desk.cardOf(this.of);
  }

  /** Approve and run the cell, with the note as it stands; in a reason, send the reason. */
  async approve(): Promise<void> {
    if (this.asksReason) {
      return this.send();
    }
    this.say(await this.desk.approve(this.of, this.note.trim()));
  }

  /** Let the scored conclusion stand. */
  async accept(): Promise<void> {
    const card = this.card;
    if (card) {
      const { session, step } = card;
      this.say(await this.desk.request({ type: 'accept', session, step }, this.of));
    }
  }

  /** Ask why not. */
  askReason(): void {
    this.form = 'reason';
    this.refresh();
  }

  /** Send the reason: the step is rejected, or its conclusion is not accepted yet. */
  async send(): Promise<void> {
    const card = this.card;
    if (!card) {
      return;
    }
    const { session, step } = card;
    const note = this.reason.trim();
    if (card.state === 'scored' && note === '') {
      this.say(this.desk.trans.__('Say what should be tested first.'));
      return;
    }
    const refused =
      card.state === 'scored'
        ? await this.desk.request({ type: 'not_yet', session, step, note }, this.of)
        : await this.desk.reject(this.of, note);
    if (refused === '') {
      this.closeForm();
    }
    this.say(refused);
  }

  /** Leave it open. */
  closeForm(): void {
    this.form = 'none';
    this.reason = '';
    this.refresh();
  }

  protected override render(): React.ReactElement | null {
    const card = this.card;
    if (!card) {
      return null;
    }
    const { desk } = this;
    const { trans } = desk;
    const edited = desk.edited(this.of);
    const pending = desk.isPending(this.of);
    return (
      <>
        <Head card={card} edited={edited !== null} trans={trans} />
        {card.why && <p className="maia-Why">{card.why}</p>}
        <Claims card={card} trans={trans} />
        <Flags card={card} trans={trans} />
        {edited && this.diffShown && <Diff {...edited} trans={trans} />}
        <Refusal words={this.refused} />
        {card.state === 'waiting' && card.cell === null && (
          <p className="maia-Hint">
            {trans.__('This proposal is from a saved session. Run the cells above that load maia_lab and begin the session to go on with it.')}
          </p>
        )}
        {this.asksReason
          ? this.renderReason(card, pending)
          : (isOpen(card) || card.paused) && this.renderActions(card, edited !== null, pending)}
        {desk.isDropped(this.of) && this.renderDropped()}
        {card.thinking && <Thinking text={desk.model.streams.get(card.session) ?? ''} trans={trans} />}
      </>
    );
  }

  protected override onUpdateRequest(message: Message): void {
    const held = this.node.contains(document.activeElement);
    super.onUpdateRequest(message);
    void this.renderPromise?.then(() => {
      // The button that was pressed may be gone; the keyboard stays at its cell.
      if (held && document.activeElement === document.body) {
        this.cell.node.focus({ preventScroll: true });
      }
    });
  }

  private renderActions(card: Card, edited: boolean, pending: boolean): React.ReactElement {
    const { desk } = this;
    const { trans } = desk;
    if (card.paused) {
      return (
        <div className="maia-Actions">
          <button
            className="maia-Button maia-mod-primary"
            onClick={() =>
              void desk.request({ type: 'resume', session: card.session }).then(this.say)
            }
          >
            {trans.__('Resume the session')}
          </button>
        </div>
      );
    }
    const scored = card.state === 'scored';
    return (
      <div className="maia-Actions">
        <button
          className="maia-Button maia-mod-primary"
          disabled={pending}
          title={scored ? '' : trans.__('Shift Enter or Ctrl Enter in the cell does the same')}
          onClick={() => void (scored ? this.accept() : this.approve())}
        >
          {scored
            ? trans.__('Accept')
            : edited
              ? trans.__('Approve edited & run')
              : card.kind === 'conclusion'
                ? trans.__('Approve & score')
                : trans.__('Approve & run')}
        </button>
        <button className="maia-Button" disabled={pending} onClick={() => this.askReason()}>
          {scored ? trans.__('Not yet…') : trans.__('Reject…')}
        </button>
        {edited && (
          <>
            <button
              className="maia-Button"
              aria-expanded={this.diffShown}
              onClick={() => {
                this.diffShown = !this.diffShown;
                this.refresh();
              }}
            >
              {this.diffShown ? trans.__('Hide changes') : trans.__('Show changes')}
            </button>
            <button className="maia-Button" onClick={() => desk.restore(this.of)}>
              {trans.__('Restore')}
            </button>
          </>
        )}
        {!scored && (
          <input
            className="maia-Input"
            type="text"
            defaultValue={this.note}
            placeholder={trans.__('Note to the agent (optional)')}
            aria-label={trans.__('Note to the agent, sent with the approval')}
            onInput={event => {
              this.note = event.currentTarget.value;
            }}
            onKeyDown={event => {
              if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
                void this.approve();
              }
            }}
          />
        )}
      </div>
    );
  }

  private renderDropped(): React.ReactElement {
    const { desk } = this;
    const { trans } = desk;
    return (
      <div className="maia-Actions">
        <button className="maia-Button maia-mod-primary" onClick={() => desk.run(this.of)}>
          {trans.__('Run')}
        </button>
        <span className="maia-Fact">
          {trans.__('The kernel dropped it: what ran before it failed, or was interrupted.')}
        </span>
      </div>
    );
  }

  private renderReason(card: Card, pending: boolean): React.ReactElement {
    const { trans } = this.desk;
    const scored = card.state === 'scored';
    const label = scored
      ? trans.__('What should be tested first?')
      : trans.__('Why not? The agent reads it.');
    return (
      <div className="maia-Actions">
        <input
          key="reason"
          className="maia-Input"
          type="text"
          autoFocus
          defaultValue={this.reason}
          placeholder={label}
          aria-label={label}
          onInput={event => {
            this.reason = event.currentTarget.value;
          }}
          onKeyDown={event => {
            if (event.nativeEvent.isComposing) {
              return;
            }
            if (event.key === 'Enter') {
              void this.send();
            } else if (event.key === 'Escape') {
              event.stopPropagation();
              this.closeForm();
            }
          }}
        />
        <button
          className="maia-Button maia-mod-warn"
          disabled={pending}
          onClick={() => void this.send()}
        >
          {scored ? trans.__('Not yet') : trans.__('Reject')}
        </button>
        <button className="maia-Button" onClick={() => this.closeForm()}>
          {trans.__('Cancel')}
        </button>
      </div>
    );
  }

  /** Whether a reason is typed; what was decided elsewhere meanwhile needs none. */
  private get asksReason(): boolean {
    return this.form === 'reason' && isOpen(this.card);
  }

  private readonly say = (refused: string): void => {
    this.refused = refused;
    this.refresh();
  };

  private refresh(): void {
    if (this.cell.isDisposed) {
      return;
    }
    const card = this.card;
    this.expose(card !== null);
    const standing = `${card?.state} ${card?.paused}`;
    if (standing !== this.standing) {
      // What was refused was so of how things stood.
      this.refused = '';
      this.standing = standing;
    }
    if (card) {
      const { step, state } = card;
      const { trans } = this.desk;
      Object.assign(this.node.dataset, {
        maiaSession: card.session,
        maiaStep: step,
        maiaState: state
      });
      this.cell.node.dataset.maiaState = state;
      const label = trans.__('Step %1: %2', step, stateWords(card, trans));
      this.node.setAttribute('aria-label', label);
    }
    this.update();
  }

  private expose(shown: boolean): void {
    this.setHidden(!shown);
    this.cell.toggleClass('maia-Cell', shown);
    if (!shown) {
      delete this.cell.node.dataset.maiaState;
    }
  }

  /** The cell's id, which outlives its model. */
  private readonly of: string;
  private form: Form = 'none';
  private diffShown = false;
  private note = '';
  private reason = '';
  private refused = '';
  private standing = '';
}

/** Whether there is something to decide here and now. */
function isOpen(card: Card | null): boolean {
  return card !== null && !card.paused && (card.offer !== null || card.state === 'scored');
}

function Head(props: { card: Card; edited: boolean; trans: TranslationBundle }) {
  const { card, edited, trans } = props;
  const Icon = stateIcons[card.state];
  const facts = [
    card.state === 'waiting' ? card.estimate : card.words,
    trans.__('%1, step %2', card.session, card.step)
  ];
  return (
    <div className="maia-Head">
      <span className="maia-State">
        <Icon.react tag="span" className="maia-StateIcon" />
        {stateWords(card, trans)}
      </span>
      {edited && <span className="maia-Chip">{trans.__('edited by you')}</span>}
      {facts.filter(Boolean).map((fact, index) => (
        <span key={index} className="maia-Fact">
          {fact}
        </span>
      ))}
    </div>
  );
}

/** How a hypothesis stands, in one character. */
export const STATUS_MARKS = {
  supported: '✓',
  indicated: '◐',
  contradicted: '✗',
  unclear: '~',
  untested: '?',
  struck: '–'
} as const;

function Claims(props: { card: Card; trans: TranslationBundle }) {
  const { card, trans } = props;
  const texts = new Map(card.hypotheses.map(item => [item.id, item]));
  if (card.predictions.length === 0 || card.state === 'rejected') {
    return null;
  }
  return (
    <ul className="maia-Claims" aria-label={trans.__('What is predicted')}>
      {card.predictions.map((prediction, index) => {
        const claim = texts.get(prediction.hypothesis);
        return (
          <li key={index} className="maia-Claim">
            <span
              className="maia-ClaimId"
              data-maia-status={claim?.status ?? 'untested'}
              aria-label={`${prediction.hypothesis}, ${statusWords(claim?.status ?? 'untested', trans)}`}
              title={statusWords(claim?.status ?? 'untested', trans)}
            >
              {prediction.hypothesis} {STATUS_MARKS[claim?.status ?? 'untested']}
            </span>
            <span>
              {claim?.text}
              <span className="maia-Prediction">{prediction.text}</span>
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function Flags(props: { card: Card; trans: TranslationBundle }) {
  const { card, trans } = props;
  if (card.flags.length === 0 || !(card.state === 'waiting' || card.state === 'approved')) {
    return null;
  }
  const Icon = stateIcons.error;
  return (
    <ul className="maia-Flags" aria-label={trans.__('What to look at')}>
      {card.flags.map((flag, index) => (
        <li key={index} className="maia-Flag" data-maia-flag={flag.kind}>
          <Icon.react tag="span" className="maia-StateIcon" />
          <span>
            <b>{flag.kind === 'risk' ? trans.__('Risk') : trans.__('Method')}</b>
            {flag.line > 0 && ` · ${trans.__('line %1', flag.line)}`} · {flag.text}
          </span>
        </li>
      ))}
    </ul>
  );
}

const MARKS = { same: ' ', removed: '−', added: '+', gap: '⋯' } as const;

function Diff(props: { before: string; after: string; trans: TranslationBundle }) {
  return (
    <pre className="maia-Diff" aria-label={props.trans.__('What you changed')} tabIndex={0}>
      {folded(diff(props.before, props.after)).map((line, index) => (
        <span key={index} className="maia-DiffLine" data-maia-diff={line.kind}>
          {`${MARKS[line.kind]} ${line.text}\n`}
        </span>
      ))}
    </pre>
  );
}

/** The agent at work, with the end of what it is writing: a line of it unless more are asked for. */
export function Thinking(props: { text: string; lines?: number; trans: TranslationBundle }) {
  const written = props.text.trimEnd().split('\n').slice(-(props.lines ?? 1)).join('\n');
  return (
    <div className="maia-Thinking">
      <span className="maia-State">
        <thinkingIcon.react tag="span" className="maia-StateIcon" />
        {props.trans.__('The agent is thinking')}
      </span>
      {/* Every word read aloud would drown what is worth hearing: the proposal, once it is there. */}
      {written && (
        <pre className="maia-Stream" aria-live="off" data-maia-lines={props.lines ?? 1}>
          {written}
        </pre>
      )}
    </div>
  );
}
