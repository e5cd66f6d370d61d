"""The routes of what the gateway takes in."""

from fastapi import APIRouter

from cx_pipeline.gateway.intake import control_routes, event_routes, recorder_routes

router = APIRouter()
for each in (event_routes, recorder_routes, control_routes):
    router.include_router(each.router)
