/** What has been said of a job's keys since a read of its list was sent. */
export interface Changes {
  hadLock: boolean;
  isLockChanged: boolean;
  isListChanged: boolean;
  /** Whether the list changed before the lock did. */
  isListChangedFirst: boolean;
}

/**
 * Follows the invalidations of one job's log list, to say whether lines may have been missed when the list is gone.
 *
 * The removal of a job invalidates its list as a new line does. But before BullMQ removes a job on completion it
 * removes the job's lock, in the same script: a list that changes after its lock was removed, not written. The lock
 * changes when the job is taken up and when it is renewed, too; that this, a line and the end of the job all fall
 * between two reads is left out of account (it happens every few seconds, reads follow changes within a millisecond).
 */
export class JobLogWatch {
  /** Since the last read that found the list in place; null when nothing was heard for a while. */
  #current: Changes | null = null;
  /** Since each read that is under way. An answer may overtake invalidations from before it, or be overtaken. */
  readonly #pending = new Set<Changes>();

  /** A read of the list is sent. */
  begin(): Changes {
    const changes = { hadLock: false, isLockChanged: false, isListChanged: false, isListChangedFirst: false };
    this.#pending.add(changes);
    return changes;
  }

  /** The read has failed, was not tracked or found the list gone: the one before still counts. */
  abandon(changes: Changes): void {
    this.#pending.delete(changes);
  }

  /** The read has found the list in place. */
  settle(changes: Changes, hadLock: boolean): void {
    // Otherwise nothing was heard for a while since it was sent.
    if (!this.#pending.delete(changes)) return;
    changes.hadLock = hadLock;
    this.#current = changes;
  }

  invalidated(part: "list" | "lock"): void {
    for (const changes of this.#pending) note(changes, part);
    if (this.#current) note(this.#current, part);
  }

  /** Nothing is heard from now on. */
  lose(): void {
    this.#current = null;
    this.#pending.clear();
  }

  /** Whether the list was heard of for as long as it stood since it was last read; without that nothing is certain. */
  get isReliable(): boolean {
    return this.#current !== null;
  }

  /** Whether lines may have been written since the list was last read. */
  get mayBeWritten(): boolean {
    if (!this.#current) return true;
    return this.#current.hadLock ? this.#current.isListChangedFirst : this.#current.isListChanged;
  }
}

function note(changes: Changes, part: "list" | "lock"): void {
  if (part === "lock") changes.isLockChanged = true;
  else {
    changes.isListChanged = true;
    if (!changes.isLockChanged) changes.isListChangedFirst = true;
  }
}
