/** The frame of every page. */
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import { callerOf, mayOperate } from '../identity/caller.ts';
import { FONT_NAME } from './assets.ts';
import type { DashboardParts } from './dashboard-parts.ts';

export interface Frame {
  /** Of the coordinator's release. */
  readonly version: string;
  readonly durability: string;
  /** Milliseconds since 1970, when it is asked. */
  readonly now: number;
  /** Whether there is a session that can be ended. */
  readonly canLogOut: boolean;
  /** Whether there is a crash theatre, and it is open to whoever looks. */
  readonly hasTheatre: boolean;
}

/** The frame of a page as whoever asked for it may use it. */
export type FrameFor = (c: Context) => Frame;

export function frameOf({
  version,
  engine,
  session,
  users,
  clock,
  theatre,
}: Pick<DashboardParts, 'version' | 'engine' | 'session' | 'users' | 'clock' | 'theatre'>): FrameFor {
  return (c) => {
    // What the store says of itself changes when its settings do.
    const { durability, survivesRestart } = engine.store;
    return {
      version,
      durability: survivesRestart ? durability : `durability is degraded: ${durability}`,
      now: clock.now(),
      canLogOut: session !== null || users !== null,
      hasTheatre: theatre !== null && mayOperate(callerOf(c)),
    };
  };
}

interface PageProps {
  readonly frame: Frame;
  readonly title: string;
  readonly here?:
    | 'overview'
    | 'sagas'
    | 'machines'
    | 'participants'
    | 'history'
    | 'audit'
    | 'theatre'
    | 'api';
  /** What the page follows live: all sagas, or one of them. */
  readonly follows?: string;
  /** Position in the feed of all sagas up to which the page has everything in it. */
  readonly position?: string;
  /** It is seen from before the door: without the ways to what is behind it. */
  readonly isBare?: boolean;
  readonly children?: Child;
}

const PLACES = [
  ['overview', '/', 'Overview'],
  ['sagas', '/sagas', 'Sagas'],
  ['machines', '/machines', 'Machines'],
  ['participants', '/participants', 'Participants'],
  ['history', '/history', 'History'],
  ['audit', '/audit', 'Audit'],
] as const;
const THEATRE = ['theatre', '/theatre', 'Theatre'] as const;

export function Page({ frame, title, here, follows, position, isBare = false, children }: PageProps) {
  return html`<!doctype html>${(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · Saga coordinator`}</title>
        <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
        <link
          rel="preload"
          href={`/assets/${FONT_NAME}`}
          as="font"
          type="font/woff2"
          crossorigin="anonymous"
        />
        <link rel="stylesheet" href="/assets/dashboard.css" />
        <script src="/assets/theme.js" />
        <script type="module" src="/assets/dashboard.js" />
      </head>
      <body data-follows={follows} data-position={position}>
        <a class="skip" href="#main">
          Skip to content
        </a>
        <header class="top">
          <a class="brand" href="/" aria-label="Saga coordinator">
            <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
              <path d="M5 4v12a4 4 0 0 0 4 4h1M19 20V8a4 4 0 0 0-4-4h-1" />
              <path d="M2 8l3-4 3 4M16 16l3 4 3-4" />
            </svg>
            <span>Saga coordinator</span>
          </a>
          {!isBare && <Ways here={here} hasTheatre={frame.hasTheatre} />}
          {follows !== undefined && (
            <button type="button" class="live" id="live" hidden>
              <span class="dot" />
              <span class="word">Connecting</span>
            </button>
          )}
        </header>
        <div class="banner" id="banner" role="status" hidden>
          <strong /> What you see is as it was at <time />, <time data-ago />. Nothing can be asked for until
          it is back.
        </div>
        <main id="main" tabindex={-1} data-now={frame.now}>
          {children}
        </main>
        <footer class="foot">
          {!isBare && (
            <span>
              Version {frame.version} · Store: {frame.durability}
            </span>
          )}
          <span class="grow" />
          {!isBare && (
            <a href="/docs" aria-current={here === 'api' ? 'page' : undefined}>
              API
            </a>
          )}
          <button type="button" class="plain" id="times" hidden>
            Times: <span>ago</span>
          </button>
          <button type="button" class="plain" id="theme" hidden>
            Colours: <span>of the system</span>
          </button>
          <button type="button" class="plain" id="show-keys" hidden>
            Keyboard <kbd>?</kbd>
          </button>
          {frame.canLogOut && !isBare && (
            <form method="post" action="/logout">
              <button type="submit" class="plain">
                Log out
              </button>
            </form>
          )}
        </footer>
      </body>
    </html>
  )}`;
}

/** Where one can go from any page. */
function Ways({ here, hasTheatre }: { here: PageProps['here']; hasTheatre: boolean }) {
  return (
    <>
      <nav aria-label="Main">
        {[...PLACES, ...(hasTheatre ? [THEATRE] : [])].map(([name, href, label]) => (
          <a href={href} aria-current={here === name ? 'page' : undefined}>
            {label}
          </a>
        ))}
      </nav>
      <form class="search" action="/search" aria-label="Search">
        <input
          type="search"
          name="q"
          aria-label="Find a saga by its label, its id or what its machine declares"
          placeholder="Label, saga id, customer …"
          maxlength={200}
          data-key="/"
        />
        <kbd>/</kbd>
      </form>
    </>
  );
}

/** A page that says one thing: what was refused, or what is missing. */
export function Message({ frame, title, children }: Omit<PageProps, 'here' | 'follows'>) {
  return (
    <Page frame={frame} title={title}>
      <section class="card narrow">
        <h1>{title}</h1>
        {children}
      </section>
    </Page>
  );
}
