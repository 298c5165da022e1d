import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { LambdaFunctionURLEvent, LambdaFunctionURLResult } from 'aws-lambda';
import { refusal } from '../../../local/gateway/answers.ts';
import { type Answer, webPage } from '../../../local/gateway/behaviour.ts';
import { documentOf } from '../../../local/gateway/job.ts';
import { PixazoGateway, type Reply, SUBMIT_PATH } from '../../../local/gateway/pixazo.ts';
import { callWebhook } from '../../../local/gateway/requests.ts';
import { gatewayWith } from './replay.ts';
import { State, type StoredJob } from './state.ts';
import { KEYS, TOKEN } from './switches.ts';

const state = new State(process.env.STATE_BUCKET ?? '');
const lambda = new LambdaClient({});
/** How long a job takes, unless a switch says otherwise, in milliseconds. */
const DURATION_MS = 2_000;
/** Longer than Cutout waits for an answer, in milliseconds. */
const HANG_MS = 25_000;
/** What a function URL can answer at most, in bytes, with some room: 6 MB as Base64. Larger results lie in the bucket. */
const MAX_INLINE_BYTES = 4_000_000;
/** A case that no token tells of. */
const NO_CASE = 'case-000000000000';

/** The function's invocation of itself, which calls a webhook back when the job has ended. */
interface CallBack {
  callBack: string;
}

/**
 * The Pixazo gateway and its CDN behind one function URL, for the runs on AWS. What it answers is defined by the
 * simulator that runs locally; here stands only how that gets its requests, and keeps its state.
 */
export async function handler(event: LambdaFunctionURLEvent | CallBack): Promise<LambdaFunctionURLResult> {
  if ('callBack' in event) return callBack(event.callBack);
  const { method } = event.requestContext.http;
  const path = event.rawPath;
  const [, asked] = /^\/v2\/requests\/status\/([^/]+)$/.exec(path) ?? [];
  const [, requestId] = /^\/v1\/([^/]+)\/output[^/]*$/.exec(path) ?? [];
  if (method === 'POST' && path === SUBMIT_PATH) return submit(event);
  if (method === 'GET' && asked !== undefined) return answerOf(await status(decodeURIComponent(asked), event.headers));
  if (method === 'GET' && requestId !== undefined) return download(requestId);
  return answerOf(refusal(404));
}

async function submit(event: LambdaFunctionURLEvent): Promise<LambdaFunctionURLResult> {
  const { headers } = event;
  const body = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString() : event.body;
  const token = TOKEN.exec(decodedPath(body))?.[0] ?? NO_CASE;
  const switches = await state.switches(token);
  const origin = originOf(headers);
  const { durationMs = DURATION_MS, submits = [], webhook = {} } = switches;
  const gateway = new PixazoGateway({
    ...{ url: origin, cdnUrl: origin, apiKeys: await state.apiKeys(), durationMs, clock: { now: () => Date.now() } },
    cutOut: async (image) => image,
  });
  const before = await state.count(KEYS.submissions(token));
  gateway.always({ submit: submits[before] ?? 'accept' });
  const { submission, reply } = gateway.submit(present(headers), body);
  const { requestId, accepted, imageUrl, at } = submission;
  await state.note(KEYS.submissions(token), { accepted, requestId });
  if (requestId !== undefined) {
    const index = await state.note(KEYS.accepted(token), { requestId });
    const webhookUrl = headers['x-webhook-url'];
    const job = { requestId, token, imageUrl, webhookUrl, createdAt: at, durationMs, index, origin };
    await state.saveJob(job);
    if (webhookUrl !== undefined && webhook.early) await callBack(requestId);
    else if (webhookUrl !== undefined) await invokeLater({ callBack: requestId });
  }
  return answerOf(reply);
}

async function status(requestId: string, headers: LambdaFunctionURLEvent['headers']): Promise<Reply> {
  const job = await state.job(requestId);
  if (job === undefined) return refusal(404);
  const switches = await state.switches(job.token);
  const before = await state.note(KEYS.polls(requestId), {});
  const gateway = gatewayWith(state, job, switches, 'lose');
  for (const key of await state.apiKeys()) gateway.apiKeys.add(key);
  gateway.always({ status: switches.statuses?.[before] ?? 'normal' });
  const reply = await gateway.status(requestId, present(headers));
  // What is not awaited stands still when the invocation ends, and its connections break.
  await gateway.find(requestId)?.work;
  return reply;
}

async function download(requestId: string): Promise<LambdaFunctionURLResult> {
  const job = await state.job(requestId);
  if (job === undefined) return answerOf({ status: 404, body: 'Object not found' });
  const { downloads = [], resultBytes = 0 } = await state.switches(job.token);
  const before = await state.note(KEYS.downloads(requestId), {});
  const behaviour = downloads[before] ?? 'normal';
  if (behaviour === 'html') return answerOf(webPage);
  if (typeof behaviour === 'object') return answerOf(behaviour);
  if (resultBytes > MAX_INLINE_BYTES) {
    return answerOf({ status: 302, headers: { location: await state.resultUrl(requestId) } });
  }
  const picture = await state.result(requestId);
  const served = behaviour === 'truncated' ? picture.subarray(0, picture.length >> 1) : picture;
  return answerOf({ status: 200, body: served, headers: { 'content-type': 'application/octet-stream' } });
}

/** Waits for the end of a job, then calls its webhook. */
async function callBack(requestId: string): Promise<LambdaFunctionURLResult> {
  const job = await state.job(requestId);
  if (job?.webhookUrl === undefined) return answerOf({ status: 404 });
  const { webhook = {}, ...others } = await state.switches(job.token);
  const { behaviour = 'send', delayMs = 0, forged } = webhook;
  const gateway = gatewayWith(state, job, others, behaviour);
  if (forged) await forge(job, job.webhookUrl);
  const wait = job.createdAt + job.durationMs + delayMs - Date.now();
  if (wait > 0) await sleep(wait);
  await gateway.tick();
  for (const { status } of gateway.webhookCalls) await state.note(KEYS.callbacks(job.token), { requestId, status });
  return answerOf({ status: 200 });
}

/** What somebody might send who has come to know the address: a result of his own, for another request. */
async function forge({ token, requestId }: StoredJob, webhookUrl: string): Promise<void> {
  const createdAt = Date.now();
  const ending = { status: 'COMPLETED', mediaUrls: ['https://evil.example/stolen.png'] } as const;
  const times = { createdAt, startsAt: createdAt, endsAt: createdAt };
  const job = { requestId: `${requestId}0`, imageUrl: '', webhookUrl, outcome: 'COMPLETED' as const, ...times };
  const document = documentOf({ ...job, ending: { ...ending, mediaUrls: [...ending.mediaUrls] } }, createdAt);
  const status = await callWebhook(webhookUrl, document, new AbortController().signal);
  await state.note(KEYS.callbacks(token), { forged: true, status });
}

async function invokeLater(event: CallBack): Promise<void> {
  const FunctionName = process.env.AWS_LAMBDA_FUNCTION_NAME;
  const Payload = JSON.stringify(event);
  await lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
}

/** What Lambda is to answer. It cannot break a connection: that, and what hangs, becomes an answer of the gateway's kind. */
async function answerOf(reply: Reply): Promise<LambdaFunctionURLResult> {
  if (reply === 'reset') return { statusCode: 502 };
  if (reply === 'hang') {
    await sleep(HANG_MS);
    return { statusCode: 504 };
  }
  const { status: statusCode, headers = {}, body } = reply satisfies Answer;
  if (Buffer.isBuffer(body)) return { statusCode, headers, body: body.toString('base64'), isBase64Encoded: true };
  if (typeof body === 'string') return { statusCode, headers: { 'content-type': 'text/plain', ...headers }, body };
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  return { statusCode, headers: { 'content-type': 'application/json', ...headers }, ...json };
}

/** The path of a submission's image, as a key has it. */
function decodedPath(body: string | undefined): string {
  try {
    return decodeURIComponent(new URL(JSON.parse(body ?? '').image_url).pathname);
  } catch {
    return '';
  }
}

/** Where the function is asked; its own address stands in no variable of its, which would have to be known before it. */
function originOf(headers: LambdaFunctionURLEvent['headers']): string {
  return `${headers['x-forwarded-proto'] ?? 'http'}://${headers.host}`;
}

function present(headers: LambdaFunctionURLEvent['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
