export type { ExecutionInput, ExecutionOutput, ObjectSource, StoredResult, UrlSource } from '../functions/contract.ts';
export { ERRORS, type ErrorName } from '../functions/errors.ts';
export type { ImageFormat } from '../functions/images/formats.ts';
export { BackgroundRemoval } from './background-removal.ts';
export type { WebhookProps } from './pipeline/webhook.ts';
export type { BackgroundRemovalProps } from './props.ts';
export {
  RemoveBackground,
  type RemoveBackgroundJsonataProps,
  type RemoveBackgroundJsonPathProps,
  type RemoveBackgroundProps,
} from './remove-background.ts';
export { SettingError } from './settings/readers.ts';
