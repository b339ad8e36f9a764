// NestJS on Fastify, with its decorators called by hand.
// oxlint-disable typescript/no-extraneous-class -- it wants classes
// oxlint-disable-next-line import/no-unassigned-import -- it adds to Reflect
import 'reflect-metadata'
import { Controller, Get, Inject, Injectable, Module, Scope } from '@nestjs/common'
import { NestFactory, REQUEST } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { ClsModule, ClsService } from 'nestjs-cls'

export async function nestServer(kind, users, agents) {
  const root = kind === 'cls' ? withCls(users, agents) : requestScoped(users, agents)
  const app = await NestFactory.create(root, new FastifyAdapter(), { logger: false })
  await app.listen(0, '127.0.0.1')
  return app.getHttpServer().address().port
}

function withCls(users, agents) {
  class Agents {
    constructor(cls) {
      this.cls = cls
    }
    list() {
      if (this.cls.get('user').userId === '') throw new Error('Nobody is asking')
      return { agents }
    }
  }
  Inject(ClsService)(Agents, undefined, 0)
  route(Agents)
  class Root {}
  Module({
    imports: [
      ClsModule.forRoot({
        global: true,
        middleware: {
          mount: true,
          setup: (cls, request) => cls.set('user', users.get(request.headers.authorization)),
        },
      }),
    ],
    controllers: [Agents],
  })(Root)
  return Root
}

function requestScoped(users, agents) {
  class User {
    constructor(request) {
      this.userId = users.get(request.headers.authorization).userId
    }
  }
  Inject(REQUEST)(User, undefined, 0)
  Injectable({ scope: Scope.REQUEST })(User)
  class Agents {
    constructor(user) {
      this.user = user
    }
    list() {
      if (this.user.userId === '') throw new Error('Nobody is asking')
      return { agents }
    }
  }
  Inject(User)(Agents, undefined, 0)
  route(Agents)
  class Root {}
  Module({ controllers: [Agents], providers: [User] })(Root)
  return Root
}

function route(controller) {
  Get('agents')(
    controller.prototype,
    'list',
    Object.getOwnPropertyDescriptor(controller.prototype, 'list'),
  )
  Controller('v1')(controller)
}
