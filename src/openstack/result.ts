import type { Result as AnyResult } from '../core/result.ts';
import type { CloudError } from './errors.ts';

export { failure, success } from '../core/result.ts';

/** What every function of this room gives: a value, or why the cloud did not give one. */
export type Result<T, E = CloudError> = AnyResult<T, E>;
