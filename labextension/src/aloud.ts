/** Says things to screen readers. */

export class Aloud {
  constructor() {
    this.node.className = 'maia-Aloud';
    this.node.setAttribute('aria-live', 'polite');
    document.body.appendChild(this.node);
  }

  say(words: string): void {
    this.node.textContent = words;
  }

  private readonly node = document.createElement('div');
}
