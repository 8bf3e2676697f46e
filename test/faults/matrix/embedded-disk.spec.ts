import { describeRow } from './describe-row';

describeRow('disk of the embedded PostgreSQL');
