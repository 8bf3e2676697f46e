import { Module } from '@nestjs/common';
import { AdminAccess } from './admin-access';
import { AdminSessionController } from './admin-session.controller';
import { AdminGuard } from './admin.guard';

/** Signing in to what is for admins only. Needs a `TokenVerifier`, a `FailureReporter` and the configuration. */
@Module({
  providers: [AdminAccess, AdminGuard],
  controllers: [AdminSessionController],
  exports: [AdminAccess, AdminGuard],
})
export class AdminSessionModule {}
