/** Where to tell what needs a person, from the environment. */
import { readService, readSigningKey, type SigningKey } from './service-settings.ts';

export interface WebhookSettings {
  /** Without credentials. */
  readonly url: string;
  /** Names and values in turn; secrets. */
  readonly headers: readonly string[];
  /** By which each message is signed; `null` where none is. A secret. */
  readonly signingKey: SigningKey | null;
  /** After how long without a write a running saga is stuck; 0 where nobody is to be told. */
  readonly stuckAfterMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @param complain is told what cannot be used, in words that follow the name of a variable */
export function readWebhook(
  env: Environment,
  stuckAfterMs: number,
  complain: (variable: string, problem: string) => void,
): WebhookSettings | null {
  const key = readSigningKey(
    env.WEBHOOK_SIGNING_KEY ?? '',
    env.WEBHOOK_SIGNING_KEY_FILE ?? '',
    (problem) => complain('WEBHOOK_SIGNING_KEY', problem),
    (problem) => complain('WEBHOOK_SIGNING_KEY_FILE', problem),
  );
  if (env.WEBHOOK_URL === undefined || !URL.canParse(env.WEBHOOK_URL)) return null;
  const about = (problem: string) => complain('WEBHOOK_URL', problem);
  const { url, headers } = readService(env.WEBHOOK_URL, '', about, about);
  return { url, headers, signingKey: key, stuckAfterMs };
}

/** Its path may be a secret, as those of many services are. */
export function shownWebhook({ url, signingKey, stuckAfterMs }: WebhookSettings) {
  return { url: new URL(url).origin, signingKey: signingKey?.id ?? null, stuckAfterMs };
}
