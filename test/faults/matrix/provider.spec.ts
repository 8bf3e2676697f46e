import { describeRow } from './describe-row';

describeRow('provider');
