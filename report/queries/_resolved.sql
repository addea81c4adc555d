-- The resolved file of each campaign, for reproduce.json.
SELECT s.campaign, c.campaign_json::VARCHAR AS resolved
FROM shown s JOIN campaigns c USING (campaign_id)
ORDER BY s.campaign
