/** The line between one notebook and the maia_lab in its kernel: a comm, found again when lost. */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { JSONObject } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { TARGET, type FromKernel, type FromPage } from './wire.js';

export class Connection implements IDisposable {
  constructor(
    private readonly context: ISessionContext,
    private readonly greeting: () => FromPage
  ) {}

  /** Look for the kernel's end, now and whenever the kernel changes. */
  start(): void {
    const { context } = this;
    if (!this._isDisposed) {
      context.kernelChanged.connect(this.onKernelChanged, this);
      context.connectionStatusChanged.connect(this.onReachable, this);
      context.statusChanged.connect(this.onStatusChanged, this);
      this.bind(context.session?.kernel ?? null);
    }
  }

  /** A message arrived. */
  get received(): ISignal<this, FromKernel> {
    return this._received;
  }

  /** The line was found, or lost; the value says whether there is one. */
  get changed(): ISignal<this, boolean> {
    return this._changed;
  }

  get connected(): boolean {
    return this.comm !== null;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Send, and say whether there was somewhere to send it to. */
  send(message: FromPage): boolean {
    if (this.comm === null || this.comm.isDisposed) {
      return false;
    }
    this.comm.send(message as unknown as JSONObject);
    return true;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this.bind(null);
    Signal.clearData(this);
  }

  private onKernelChanged(
    _: ISessionContext,
    change: { newValue: Kernel.IKernelConnection | null }
  ): void {
    this.bind(change.newValue);
  }

  private onStatusChanged(_: ISessionContext, status: Kernel.Status): void {
    // A restart keeps the kernel connection and its targets, and drops every comm.
    if (status === 'restarting' || status === 'autorestarting' || status === 'dead') {
      this.hold(null);
    }
  }

  private onReachable(_: ISessionContext, status: Kernel.ConnectionStatus): void {
    // What was said while the line was down is lost: the kernel tells everything anew.
    if (status === 'connected') {
      this.send(this.greeting());
    }
  }

  private bind(kernel: Kernel.IKernelConnection | null): void {
    if (this.kernel && !this.kernel.isDisposed) {
      this.kernel.removeCommTarget(TARGET, this.onOpen);
    }
    this.hold(null);
    this.kernel = kernel;
    if (kernel) {
      kernel.registerCommTarget(TARGET, this.onOpen);
      void this.reattach(kernel);
    }
  }

  /** The kernel opens a comm: it was just told to load the extension. */
  private readonly onOpen = (comm: Kernel.IComm, message: KernelMessage.ICommOpenMsg): void => {
    this.attach(comm);
    this._received.emit(message.content.data as unknown as FromKernel);
  };

  /** After a reload the kernel still holds its comm; the page creates its own end of it again. */
  private async reattach(kernel: Kernel.IKernelConnection): Promise<void> {
    try {
      await kernel.info;
      const reply = await kernel.requestCommInfo({ target_name: TARGET });
      if (reply.content.status !== 'ok' || this.kernel !== kernel || this.comm) {
        return;
      }
      const open = Object.keys(reply.content.comms).filter(id => !kernel.hasComm(id));
      const last = open.pop();
      if (last !== undefined) {
        this.attach(kernel.createComm(TARGET, last));
      }
    } catch (reason) {
      console.debug('maia-lab: this kernel tells nothing of its comms', reason);
    }
  }

  private attach(comm: Kernel.IComm): void {
    // A handler that returned a promise would hold up every other message of the kernel.
    comm.onMsg = message => {
      this._received.emit(message.content.data as unknown as FromKernel);
    };
    comm.onClose = () => {
      if (this.comm === comm) {
        this.hold(null);
      }
    };
    this.hold(comm);
    this.send(this.greeting());
  }

  private hold(comm: Kernel.IComm | null): void {
    if (comm === this.comm) {
      return;
    }
    this.comm = comm;
    this._changed.emit(comm !== null);
  }

  private comm: Kernel.IComm | null = null;
  private kernel: Kernel.IKernelConnection | null = null;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, boolean>(this);
  private readonly _received = new Signal<this, FromKernel>(this);
}
